/** The market's onion services with a real Tor whose network is off: our directory's, kept over restarts, and a maker's, for one life. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { silentLog } from "../../bus/fake.ts";
import { marketSection } from "../../joinmarket/channel/config.ts";
import { openMarket } from "../../joinmarket/channel/open-market.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import { systemClock } from "../../runtime/clock.ts";
import { Home } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { RealTor } from "../harness/electrum/tor.ts";
import { openDirectory } from "../harness/joinmarket/directory.ts";
import { waitFor } from "../harness/wait-for.ts";

const program = findProgram("tor");

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

  async function onionOfDirectory(): Promise<string> {
    await home.start(
      ...["--only", "directory", "--data", home.data, "--set", "directory.onion=true"],
      ...["--set", `tor.control=127.0.0.1:${tor.control.port}`, "--set", "directory.listen=127.0.0.1:0"],
    );
    let address: string | undefined;
    await waitFor("the onion service to be offered", async () => {
      const children: readonly ChildStatus[] = (await home.tree()).root.children;
      const doors = children.find(({ id }) => id === "directory")?.doors ?? [];
      address = doors.find(({ name }) => name === "directory onion")?.address;
      return address !== undefined;
    });
    return address as string;
  }

  it("the directory is offered under one address, also after a restart", async () => {
    const first = await onionOfDirectory();
    expect(first).toMatch(/^[a-z2-7]{56}\.onion:5222$/);
    const stats = await home.run("directory", "stats", "--json");
    expect(JSON.parse(stats.stdout)).toMatchObject({ bots: 0, banned: 0 });
    await home.run("stop");
    expect(await onionOfDirectory()).toBe(first);
  });

  it("each maker has a service of its own, which its directories are told", async () => {
    const directory = await openDirectory();
    const config = marketSection.schema.parse({
      directories: [directory.address],
      serve_onion: true,
      control: `127.0.0.1:${tor.control.port}`,
    });
    const made = () =>
      openMarket(config, {
        ...{ identity: NickIdentity.random(), network: "regtest", isMaker: true },
        ...{ clock: systemClock, log: silentLog() },
      });
    const [one, other] = [made(), made()];
    await Promise.all([one.start({}), other.start({})]);
    const places = [one, other].map(({ nick }) => directory.bots.get(nick)?.location ?? "");
    for (const place of places) expect(place).toMatch(/^[a-z2-7]{56}\.onion:5222$/);
    expect(new Set(places).size).toBe(2);

    await Promise.all([one.close(), other.close()]);
    await directory.stop();
  });
});
