import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { FakeTor } from "../../tests/harness/electrum/fake-tor.ts";
import { openDirectory } from "../../tests/harness/joinmarket/directory.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { NickIdentity } from "../nick/identity.ts";
import { knownDirectories, marketSection } from "./config.ts";
import { openMarket } from "./open-market.ts";

const bot = (config: object, isMaker = false) =>
  openMarket(marketSection.schema.parse(config), {
    identity: NickIdentity.random(),
    network: "regtest",
    clock: systemClock,
    log: silentLog(),
    isMaker,
    features: ["neutrino_compat"],
  });

describe("a market by configuration", () => {
  it("is on the directories that are named; makers serve where they shall, takers never", async () => {
    const directory = await openDirectory();
    const config = { directories: [directory.address], serve_listen: "127.0.0.1:0" };
    const [maker, taker] = [bot(config, true), bot(config)];
    await Promise.all([maker.start({}), taker.start({})]);
    expect([directory.bots.count, directory.bots.serving, directory.bots.proven]).toEqual([2, 1, 2]);
    expect(directory.bots.get(maker.nick)?.features).toContain("neutrino_compat");
    await Promise.all([maker.close(), taker.close()]);
    await waitFor("both to be gone", () => directory.bots.count === 0);
    await directory.stop();
  });

  it("lets takers reach each maker at an onion service of its own, and takes it away with the maker", async () => {
    const folder = mkdtempSync(join(tmpdir(), "market-onion-"));
    const [directory, tor] = [await openDirectory(), await FakeTor.start(folder)];
    const config = {
      ...{ directories: [directory.address], serve_onion: true },
      control: `127.0.0.1:${tor.port}`,
    };
    const [maker, taker] = [bot(config, true), bot(config)];
    await Promise.all([maker.start({}), taker.start({})]);
    expect(directory.bots.get(maker.nick)?.location).toMatch(/^a{55}.\.onion:5222$/);
    expect(directory.bots.get(taker.nick)?.location).toBeUndefined();
    expect([...tor.services.values()].map(({ ports }) => ports)).toEqual([
      expect.stringMatching(/^Port=5222,127\.0\.0\.1:\d+$/),
    ]);
    await maker.close();
    await waitFor("it to be taken away", () => tor.services.size === 0);
    await tor.stop();

    const without = bot(config, true);
    const news: (string | undefined)[] = [];
    await without.start({ onChannel: ({ error }) => void news.push(error) });
    expect(directory.bots.get(without.nick)?.location).toBeUndefined();
    expect(news).toContain("peers cannot connect to us: Tor gives us no onion service; the log says why");
    await Promise.all([taker.close(), without.close()]);
    await directory.stop();
    rmSync(folder, { recursive: true });
  });

  it("has nowhere to go on a private chain without directories", async () => {
    await expect(bot({}).start({})).rejects.toMatchObject({ code: "JOINMARKET_NO_CHANNEL" });
  });

  it("knows the directories of public networks", () => {
    for (const network of ["mainnet", "signet"]) {
      const addresses = knownDirectories(network);
      expect(addresses.length).toBeGreaterThan(5);
      expect(new Set(addresses).size).toBe(addresses.length);
      for (const address of addresses) expect(address).toMatch(/^[a-z2-7]{56}\.onion:5222$/);
    }
    expect(knownDirectories("regtest")).toEqual([]);
  });
});
