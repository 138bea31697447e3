/** Wallets in a real browser, at the wallet door of a sandbox: JAM's own screens where a build of JAM is at hand. */
import { mkdtempSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
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
/** Of the wallets that a sandbox begins with. */
const SANDBOX_PASSWORD = "sandbox";

let home: Home;
let sandbox: { url: string; mine(blocks: number): Promise<unknown> };
let opened: WebBrowser | undefined;
let elsewhere: { url: string; server: Server } | undefined;
beforeAll(async () => {
  home = new Home();
  if (chromium !== undefined) sandbox = await startSandbox();
}, 300_000);
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  elsewhere?.server.close();
  elsewhere = undefined;
});
afterAll(() => home.close());

async function startBrowser(): Promise<WebBrowser> {
  const started = await WebBrowser.start(chromium ?? "");
  opened = started;
  return started;
}

async function startSandbox(): Promise<typeof sandbox> {
  await home.start(
    "--sandbox",
    ...["--data", home.data],
    ...["--set", "sandbox.block_interval_ms=3600000"],
    ...["--set", "sandbox.wallets=true"],
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
    mine: (blocks) => callNode(at("rpc"), cookiePath, "generatetoaddress", [blocks, ELSEWHERE]),
  };
}

function screensOn(page: Page, url: string): Screens {
  return JAM === undefined ? new LikeJamScreens(page, url) : new JamScreens(page, url);
}

test.skipIf(chromium === undefined)(
  "a wallet's life: made, paid, mixed, earning, bonded, locked, opened again, and made anew from its words",
  async () => {
    const { url, mine } = sandbox;
    const browser = await startBrowser();
    const screens = screensOn(await browser.newPage(), url);
    const balance = (sat: number) =>
      waitFor(`${sat} sat on the screen`, async () => (await screens.balanceSat()) === sat);
    const available = async (jar: number) => (await screens.jars())[jar]?.availableSat;
    const told = () =>
      browser.frames.map((frame) => JSON.parse(frame) as { txid?: string; coinjoin_state?: number });
    const states = () => told().flatMap(({ coinjoin_state: state }) => (state === undefined ? [] : [state]));

    await screens.open();
    const words = await screens.create("savings", "correct horse");
    expect(words).toHaveLength(12);
    const address = await screens.newAddress(0);
    expect(address).toMatch(/^bcrt1q[a-z0-9]{38}$/);
    await screens.lock();
    expect(await screens.wallets()).toContain("savings Locked");

    expect(await screens.refusedUnlock("mine", "wrong horse")).toMatch(/Invalid credentials/);
    await screens.unlock("mine", SANDBOX_PASSWORD);
    await balance(6 * BTC);
    await screens.limitFees(5_000, 0.1);
    const paid = await screens.pay({ jar: 0, destination: address, amountSat: BTC });
    expect(paid).toMatch(/Payment successful: Sent 100000000 sats to bcrt1q\w+ in transaction [0-9a-f]{64}/);
    await waitFor("the news of the payment", () => told().some(({ txid }) => txid && paid.includes(txid)));
    await mine(1);

    const [own = ""] = await screens.addresses(1);
    await screens.payTogether({ jar: 0, destination: own, amountSat: BTC, makers: 3 });
    await waitFor("the end of the coinjoin", () => states().length === 2);
    expect(states()).toEqual([0, 2]);
    await mine(1);
    await waitFor("the coin from the coinjoin", async () => (await available(1)) === BTC);
    const left = await screens.balanceSat();
    expect(left).toBeGreaterThan(5 * BTC - 100_000);
    expect(left).toBeLessThan(5 * BTC);

    await screens.freeze(1, true);
    expect((await screens.jars())[1]).toEqual({ availableSat: 0, frozenSat: BTC });
    await screens.freeze(1, false);
    expect((await screens.jars())[1]).toEqual({ availableSat: BTC, frozenSat: 0 });

    const nick = await screens.earn();
    const makers = await screens.orderbook();
    expect(makers).toHaveLength(4);
    expect(makers).toContain(nick);
    await screens.stopEarning();
    expect(states()).toEqual([0, 2, 1, 2]);
    expect(await screens.report()).toMatch(/The report is empty/);

    const bond = await screens.bond(1);
    expect(bond).toEqual({
      address: expect.stringMatching(/^bcrt1q[a-z0-9]{58}$/),
      lockedUntil: expect.stringMatching(/^20\d\d-04-01 00:00:00$/),
    });
    await mine(1);
    const [locked = 0] = await screens.bonds();
    expect(locked).toBeGreaterThan(BTC - 100_000);
    const [first, second] = await screens.jars();
    expect([first?.frozenSat, second]).toEqual([locked, { availableSat: 0, frozenSat: 0 }]);

    expect(await screens.words()).toHaveLength(12);
    expect(await screens.logs()).toMatch(
      /the wallet was opened\n.*the transaction [0-9a-f]{64} is confirmed\n.*the coinjoin is over/s,
    );
    await screens.rescan();
    await screens.renewTokens();
    await screens.reload();
    const total = await screens.balanceSat();

    const tab = screensOn(await browser.newPage(), url);
    await tab.open();
    expect(await tab.wallets()).toContain("mine Active");
    await tab.unlock("mine", SANDBOX_PASSWORD);
    expect([await tab.balanceSat(), await screens.balanceSat()]).toEqual([total, total]);
    await tab.lock();
    await screens.open();
    expect(await screens.wallets()).toContain("mine Locked");

    await screens.recover("again", "battery staple", words);
    await balance(BTC);
    await screens.lock();
    expect(await screens.wallets()).toEqual(expect.arrayContaining(["again Locked", "savings Locked"]));
    await screens.unlock("savings", "correct horse");
    await balance(BTC);
    expect(await screens.addresses(0)).toContain(address);
    await screens.lock();

    await screens.unlock("mine", SANDBOX_PASSWORD);
    const free = (await screens.addresses(3)).slice(0, 2);
    expect(await screens.schedule([ELSEWHERE, ...free])).toBeGreaterThan(3);
    await screens.stopSchedule();
    await waitFor("the end of the schedule", () => states().length === 6);
    expect(states().slice(4)).toEqual([0, 2]);
    expect(browser.faults).toEqual([]);
  },
  600_000,
);

test.skipIf(chromium === undefined)(
  "pages of other programs on this machine may ask too, those of the world may not",
  async () => {
    const browser = await startBrowser();
    elsewhere = await serveElsewhere(likeJam(mkdtempSync(join(home.path, "elsewhere-"))));
    const screens = new LikeJamScreens(await browser.newPage(), `${elsewhere.url}/?door=${sandbox.url}`);

    await screens.open();
    await screens.unlock("mine", SANDBOX_PASSWORD);
    await screens.renewTokens();
    expect(await screens.newAddress(0)).toMatch(/^bcrt1q/);
    expect(browser.faults).toEqual([]);

    const stranger = new LikeJamScreens(
      await browser.newPage(),
      `${elsewhere.url.replace("127.0.0.1", "stranger.test")}/?door=${sandbox.url}`,
    );
    await expect(stranger.open()).rejects.toThrow(/no WebSocket|Failed to fetch/);
  },
  300_000,
);
