import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { FakeTor } from "../../tests/harness/electrum/fake-tor.ts";
import { openDirectory } from "../../tests/harness/joinmarket/directory.ts";
import { SmallIrcServer } from "../../tests/harness/joinmarket/hostile/small-irc-server.ts";
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

  it("is on every IRC server that is named beside the directories, by its account, and hears each", async () => {
    const folder = mkdtempSync(join(tmpdir(), "market-irc-"));
    const irc_password_file = join(folder, "password");
    writeFileSync(irc_password_file, "correct horse\n", { mode: 0o600 });
    const account = { name: "box", password: "correct horse" };
    const servers = [await SmallIrcServer.start({ account }), await SmallIrcServer.start({ account })];
    const directory = await openDirectory();
    const market = bot({
      directories: [directory.address],
      irc: servers.map(({ address }) => `irc://127.0.0.1:${address.port}`),
      ...{ irc_account: "box", irc_password_file },
    });
    const heard: string[] = [];
    await market.start({ onPublic: ({ from }) => void heard.push(from) });
    await waitFor("all to be up", () => market.status().every(({ state }) => state === "up"));
    const strangers = [NickIdentity.random().nick, NickIdentity.random().nick];
    for (const [at, server] of servers.entries()) {
      server.tell(`:${strangers[at]}!user@host PRIVMSG #joinmarket-pit-test :!orderbook`);
    }
    await waitFor("both to be heard", () => heard.length === 2);

    expect(market.status().map(({ kind }) => kind)).toEqual(["onion", "irc", "irc"]);
    expect(servers.map(({ logins }) => logins)).toEqual([["box:correct horse"], ["box:correct horse"]]);
    expect(heard.sort()).toEqual(strangers.sort());
    await market.close();
    for (const door of [...servers, directory]) await door.stop();
    rmSync(folder, { recursive: true });
  });

  it("speaks nothing but TLS to an IRC server that is named so", async () => {
    const heard: Buffer[] = [];
    const server = createServer((socket) => {
      socket
        .on("error", () => undefined)
        .once("data", (bytes) => {
          heard.push(bytes);
          socket.destroy();
        });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const market = bot({ irc: [`ircs://localhost:${port}`] });
    const begun = market.start({}).catch(() => undefined);
    await waitFor("its first bytes", () => heard.length > 0);
    await market.close();
    await begun;

    // A handshake of TLS, with nothing of ours to be read in it.
    expect(heard[0]?.[0]).toBe(22);
    expect(Buffer.concat(heard).includes(market.nick)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
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
