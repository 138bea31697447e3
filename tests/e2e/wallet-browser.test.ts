/** Wallets in a real browser, at the wallet door of a sandbox: JAM's own screens where a build of JAM is at hand. */
import { mkdtempSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebBrowser } from "../harness/browser/chromium.ts";
import { JamScreens } from "../harness/browser/jam-screens.ts";
import { likeJam, serveElsewhere } from "../harness/browser/like-jam.ts";
import { LikeJamScreens } from "../harness/browser/like-jam-screens.ts";
import type { Screens } from "../harness/browser/screens.ts";
import { Home } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The folder with the built files of JAM. */
const JAM = process.env["TROUPE_JAM_BUILD"];
const chromium = findProgram("chromium");
/** A wallet of ours that nobody has; coins that go there are gone. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const BTC = 100_000_000;

let home: Home;
let opened: WebBrowser | undefined;
let elsewhere: { url: string; server: Server } | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  elsewhere?.server.close();
  elsewhere = undefined;
  await home.close();
});

async function startBrowser(): Promise<WebBrowser> {
  const started = await WebBrowser.start(chromium ?? "");
  opened = started;
  return started;
}

async function startSandbox(): Promise<{
  url: string;
  mine(blocks: number, address: string): Promise<unknown>;
}> {
  await home.start(
    "--sandbox",
    ...["--data", home.data],
    ...["--set", "sandbox.block_interval_ms=3600000"],
    ...["--set", `gateway.wallet_pages=${JAM ?? likeJam(home.path)}`],
  );
  const { children } = (await home.tree()).root;
  const doors = children.flatMap(function all(child): { name: string; address: string }[] {
    return [...(child.doors ?? []), ...child.children.flatMap(all)];
  });
  const at = (name: string) => doors.find((door) => door.name === name)?.address ?? "";
  const cookiePath = join(home.data, "actors", "node", "regtest", ".cookie");
  return {
    url: at("wallet"),
    mine: (blocks, address) => callNode(at("rpc"), cookiePath, "generatetoaddress", [blocks, address]),
  };
}

function screensOn(page: Page, url: string): Screens {
  return JAM === undefined ? new LikeJamScreens(page, url) : new JamScreens(page, url);
}

test.skipIf(chromium === undefined)(
  "a wallet's life: made, paid, emptied, bonded, locked, opened again, and made anew from its words",
  async () => {
    const { url, mine } = await startSandbox();
    const browser = await startBrowser();
    const screens = screensOn(await browser.newPage(), url);
    const balance = (sat: number) =>
      waitFor(`${sat} sat on the screen`, async () => (await screens.balanceSat()) === sat);

    await screens.open();
    const words = await screens.create("savings", "correct horse");
    expect(words).toHaveLength(12);
    const address = await screens.newAddress(0);
    expect(address).toMatch(/^bcrt1q[a-z0-9]{38}$/);
    await mine(1, address);
    await mine(100, ELSEWHERE);
    await balance(50 * BTC);
    expect(await screens.addresses(0)).toContain(address);

    await screens.limitFees(5_000, 0.1);
    let paid = "";
    await waitFor("the coins to be ripe, and a payment", async () => {
      paid = await screens.pay({ jar: 0, destination: ELSEWHERE, amountSat: BTC });
      return !paid.startsWith("Insufficient funds");
    });
    expect(paid).toMatch(
      /Payment successful: Sent 100000000 sats to bcrt1qw508\w+ in transaction [0-9a-f]{64}/,
    );
    await waitFor("the news of the payment", () =>
      browser.frames.some((frame) => paid.includes((JSON.parse(frame) as { txid: string }).txid)),
    );
    await mine(6, ELSEWHERE);
    const left = await screens.balanceSat();
    expect(left).toBeGreaterThan(49 * BTC - 100_000);
    expect(left).toBeLessThan(49 * BTC);

    await screens.freeze(0, true);
    expect((await screens.jars())[0]).toEqual({ availableSat: 0, frozenSat: left });
    await screens.freeze(0, false);
    expect((await screens.jars())[0]).toEqual({ availableSat: left, frozenSat: 0 });

    expect(await screens.payTogether({ jar: 0, destination: ELSEWHERE, amountSat: BTC })).toMatch(
      /no taker yet/,
    );
    expect(await screens.schedule([ELSEWHERE, ...(await screens.addresses(1)).slice(0, 2)])).toMatch(
      /no taker yet/,
    );
    expect(await screens.earn()).toMatch(/no maker yet/);
    expect(await screens.report()).toMatch(/The report is empty/);
    expect(await screens.orderbook()).toMatch(/Orderbook is empty/);

    const [next = ""] = await screens.addresses(1);
    expect(await screens.pay({ jar: 0, destination: next })).toMatch(/Payment successful/);
    await mine(1, ELSEWHERE);
    await waitFor("the coin to arrive", async () => ((await screens.jars())[1]?.availableSat ?? 0) > 0);
    const [first, second] = await screens.jars();
    expect(first).toEqual({ availableSat: 0, frozenSat: 0 });
    expect(second?.availableSat).toBeGreaterThan(49 * BTC - 200_000);

    const bond = await screens.bond(1);
    expect(bond).toEqual({
      address: expect.stringMatching(/^bcrt1q[a-z0-9]{58}$/),
      lockedUntil: expect.stringMatching(/^20\d\d-04-01 00:00:00$/),
    });
    await mine(1, ELSEWHERE);
    const [locked = 0] = await screens.bonds();
    expect(locked).toBeGreaterThan(49 * BTC - 300_000);
    expect((await screens.jars())[0]).toEqual({ availableSat: 0, frozenSat: locked });

    expect(await screens.words()).toEqual(words);
    expect(await screens.logs()).toMatch(
      /the wallet was opened\n.*the transaction [0-9a-f]{64} is confirmed\n/s,
    );
    await screens.rescan();
    await screens.renewTokens();
    await screens.reload();
    expect(await screens.balanceSat()).toBe(locked);

    const tab = screensOn(await browser.newPage(), url);
    await tab.open();
    expect(await tab.wallets()).toContain("savings Active");
    await tab.unlock("savings", "correct horse");
    expect([await tab.balanceSat(), await screens.balanceSat()]).toEqual([locked, locked]);
    await tab.lock();
    await screens.open();
    expect(await screens.wallets()).toContain("savings Locked");

    expect(await screens.refusedUnlock("savings", "wrong horse")).toMatch(/Invalid credentials/);
    await screens.recover("again", "battery staple", words);
    await balance(locked);
    await screens.lock();
    expect(await screens.wallets()).toEqual(expect.arrayContaining(["again Locked", "savings Locked"]));
    await screens.unlock("savings", "correct horse");
    await balance(locked);
    expect(browser.faults).toEqual([]);
  },
  600_000,
);

test.skipIf(chromium === undefined)(
  "pages of other programs on this machine may ask too, those of the world may not",
  async () => {
    const { url } = await startSandbox();
    const browser = await startBrowser();
    elsewhere = await serveElsewhere(likeJam(mkdtempSync(join(home.path, "elsewhere-"))));
    const screens = new LikeJamScreens(await browser.newPage(), `${elsewhere.url}/?door=${url}`);

    await screens.open();
    await screens.create("savings", "correct horse");
    await screens.renewTokens();
    expect(await screens.newAddress(0)).toMatch(/^bcrt1q/);
    expect(browser.faults).toEqual([]);

    const stranger = new LikeJamScreens(
      await browser.newPage(),
      `${elsewhere.url.replace("127.0.0.1", "stranger.test")}/?door=${url}`,
    );
    await expect(stranger.open()).rejects.toThrow(/no WebSocket|Failed to fetch/);
  },
  300_000,
);
