/** The Electrum door's onion service with a real Tor: offered, kept over our restarts, and there again after Tor's own. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { systemClock } from "../../runtime/clock.ts";
import { TorControl } from "../../runtime/tor/tor-control.ts";
import { Home, type Spawned } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { RealTor } from "../harness/electrum/tor.ts";
import { waitFor } from "../harness/wait-for.ts";

const program = findProgram("tor");
const TARGET = { host: "127.0.0.1", port: 9 };

describe.skipIf(program === undefined)("with a real Tor", () => {
  let tor: RealTor;
  let home: Home;
  beforeEach(async () => {
    home = new Home();
    tor = await RealTor.start(program as string);
  });
  afterEach(async () => {
    await home.close();
    await tor.remove();
  });

  function start(): Promise<Spawned> {
    return home.start(
      ...["--sandbox", "--data", home.data, "--set", "gateway.electrum_onion=true"],
      ...["--set", `tor.control=127.0.0.1:${tor.control.port}`],
    );
  }

  async function onionAddress(): Promise<string | undefined> {
    const find = (child: ChildStatus): ChildStatus | undefined =>
      child.id === "gateway" ? child : child.children.map(find).find((found) => found !== undefined);
    const doors = find(((await home.tree()) as Tree).root)?.doors ?? [];
    return doors.find(({ name }) => name === "electrum onion")?.address;
  }

  async function untilOffered(): Promise<string> {
    let address: string | undefined;
    await waitFor("the onion service to be offered", async () => {
      address = await onionAddress();
      return address !== undefined;
    });
    return address as string;
  }

  it("the service is offered under one address, over our restarts and over Tor's", async () => {
    await start();
    const first = await untilOffered();
    expect(first).toMatch(/^tcp:\/\/[a-z2-7]{56}\.onion:50001$/);
    const key = join(home.data, "actors", "gateway", "electrum-onion.key");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(readFileSync(key, "utf8")).toMatch(/^ED25519-V3:\S{88}\n$/);

    // Tor dies, and comes back with another cookie.
    await tor.kill();
    await waitFor("the onion service to be missed", async () => (await onionAddress()) === undefined);
    await tor.restart();
    expect(await untilOffered()).toBe(first);

    await home.run("stop");
    await start();
    expect(await untilOffered()).toBe(first);
  });

  it("a service lives as long as the connection that asked for it, and its key makes the same address again", async () => {
    const one = await TorControl.open(tor.control, systemClock);
    const made = await one.addOnion(undefined, 50_001, TARGET);
    expect(made.privateKey).toMatch(/^ED25519-V3:\S{88}$/);
    const two = await TorControl.open(tor.control, systemClock);
    await expect(two.addOnion(made.privateKey, 50_001, TARGET)).rejects.toMatchObject({
      code: "RUNTIME_TOR_FAILED",
      message: expect.stringMatching(/550 Onion address collision/),
    });

    one.close();
    const three = await TorControl.open(tor.control, systemClock);
    await waitFor("Tor to have taken the first away", async () =>
      three.addOnion(made.privateKey, 50_001, TARGET).then(
        (again) => again.serviceId === made.serviceId,
        () => false,
      ),
    );
    two.close();
    three.close();
  });
});
