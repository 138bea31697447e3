import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../../bus/fake.ts";
import { FakeTor } from "../../tests/harness/electrum/fake-tor.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { ManualClock, systemClock } from "../clock.ts";
import { OnionService } from "./onion-service.ts";
import { TorControl } from "./tor-control.ts";

const TARGET = { host: "127.0.0.1", port: 4_711 };

let directory: string;
const opened: { stop(): Promise<void> | void }[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-onion-"));
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
  rmSync(directory, { recursive: true });
});

async function torWith(options: { knows?: Buffer; port?: number } = {}): Promise<FakeTor> {
  const made = await FakeTor.start(directory, options);
  opened.push(made);
  return made;
}

function serviceOf(port: number, told: (string | undefined)[], clock = new ManualClock(), log = silentLog()) {
  const control = { host: "127.0.0.1", port };
  const changed = (address: string | undefined) => void told.push(address);
  const place = { control, port: 50_001, target: TARGET, keyFile: join(directory, "electrum-onion.key") };
  const made = new OnionService({ ...place, clock, log, changed });
  opened.push(made);
  return made;
}

describe("an onion service", () => {
  it("is offered while we are connected, on the port that wallets expect, and its key is ours alone", async () => {
    const tor = await torWith();
    const told: (string | undefined)[] = [];
    const service = serviceOf(tor.port, told);
    await service.start();

    const key = readFileSync(join(directory, "electrum-onion.key"), "utf8").trim();
    expect(told).toEqual([`${"a".repeat(55)}b.onion`]);
    expect([...tor.services.values()]).toEqual([{ key, ports: "Port=50001,127.0.0.1:4711" }]);
    expect(statSync(join(directory, "electrum-onion.key")).mode & 0o777).toBe(0o600);
    service.stop();
    await waitFor("it to be taken away", () => tor.services.size === 0);
    expect(told).toHaveLength(1);
  });

  it("has the same key after a restart, and when Tor has been away", async () => {
    const tor = await torWith();
    const clock = new ManualClock();
    const told: (string | undefined)[] = [];
    const first = serviceOf(tor.port, []);
    await first.start();
    first.stop();
    const key = readFileSync(join(directory, "electrum-onion.key"), "utf8").trim();
    const logged: string[] = [];
    const write = (line: string) => void logged.push(line);
    await serviceOf(tor.port, told, clock, { ...silentLog(), info: write, warn: write }).start();
    expect(logged).toEqual([]);
    await tor.stop();
    await waitFor("it to be missed", () => told.length === 2);

    const back = await torWith({ port: tor.port });
    clock.advance(5_000);
    await waitFor("it to be back", () => told.length === 3);

    const address = `${"a".repeat(55)}c.onion`;
    expect(told).toEqual([address, undefined, address]);
    expect(logged).toEqual(["the onion service is away", "the onion service is there again"]);
    expect([...back.services.values()].map((service) => service.key)).toEqual([key]);
  });

  it("without a file has a key that lasts as long as it does, and another one in its next life", async () => {
    const tor = await torWith();
    const told: (string | undefined)[] = [];
    const clock = new ManualClock();
    const place = { control: { host: "127.0.0.1", port: tor.port }, port: 5_222, target: TARGET };
    const made = () =>
      new OnionService({ ...place, clock, log: silentLog(), changed: (address) => void told.push(address) });
    const first = made();
    await first.start();
    const key = [...tor.services.values()][0]?.key;
    await tor.stop();
    await waitFor("it to be missed", () => told.length === 2);
    const back = await torWith({ port: tor.port });
    clock.advance(5_000);
    await waitFor("it to be back", () => told.length === 3);
    expect([...back.services.values()]).toEqual([{ key, ports: "Port=5222,127.0.0.1:4711" }]);
    first.stop();
    await waitFor("it to be taken away", () => back.services.size === 0);
    const second = made();
    opened.push(second);
    await second.start();
    expect([...back.services.values()][0]?.key).not.toBe(key);
    expect(readdirSync(directory)).toEqual(['control "auth" cookie']);
  });

  it("is asked for again while Tor is not there, less and less often", async () => {
    const clock = new ManualClock();
    const told: (string | undefined)[] = [];
    const port = await freePort();
    await serviceOf(port, told, clock).start();
    expect(told).toEqual([]);

    const tor = await torWith({ port });
    clock.advance(4_999);
    expect(tor.said).toEqual([]);
    clock.advance(1);
    await waitFor("it to be offered", () => told.length === 1);
  });
});

describe("Tor's control port", () => {
  const open = (port: number) => TorControl.open({ host: "127.0.0.1", port }, systemClock);

  it("is not told anything by which the cookie could be learned, when it does not have it itself", async () => {
    const tor = await torWith({ knows: randomBytes(32) });

    await expect(open(tor.port)).rejects.toMatchObject({
      code: "RUNTIME_TOR_FAILED",
      message: expect.stringMatching(/another cookie/),
    });
    expect(tor.said.some((line) => line.startsWith("AUTHENTICATE"))).toBe(false);
  });

  it("that says too much, or nonsense, or hangs up is given up", async () => {
    for (const words of ["x".repeat(100_000), "550 go away\r\n", undefined]) {
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.resume();
        if (words === undefined) socket.destroy();
        else socket.write(words);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

      await expect(open((server.address() as { port: number }).port)).rejects.toMatchObject({
        code: "RUNTIME_TOR_FAILED",
      });
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("is not given a key that is none", async () => {
    const tor = await torWith();
    const control = await open(tor.port);

    await expect(control.addOnion("ED25519-V3:x\r\nSETCONF", 1, TARGET)).rejects.toMatchObject({
      code: "RUNTIME_TOR_FAILED",
    });
    control.close();
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
