/** The sandbox beside a real bitcoind: the same random life, and after each step the same verdict, tip and mempool. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Randomness } from "../../bench/chain/randomness.ts";
import { sha256d } from "../../bitcoin/hash.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { callNode, findBitcoind, RealNode } from "../../tests/harness/node/bitcoind.ts";
import type { OwnedCoin } from "../../tests/harness/node/coin-owner.ts";
import { TwinLife } from "../../tests/harness/node/twin-life.ts";
import { SEED } from "../../tests/harness/seed.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { parseSequence } from "../sequence.ts";
import { ZmqSubscriber } from "../zmq.ts";
import { SandboxNode } from "./node.ts";

const STEPS = 120;
const bitcoind = findBitcoind();

describe.skipIf(bitcoind === undefined)("the sandbox and a real node", () => {
  let real: RealNode;
  let sandbox: SandboxNode;
  let directory: string;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "troupe-differential-"));
    real = await RealNode.start(bitcoind as string);
    sandbox = await SandboxNode.start({ dataDirectory: directory });
  }, 120_000);

  afterEach(async () => {
    await sandbox?.stop();
    await real?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const ofSandbox = (method: string, ...params: unknown[]) =>
    callNode(sandbox.rpcUrl, sandbox.cookiePath, method, params);
  const ofReal = (method: string, ...params: unknown[]) => real.rpc(method, ...params);

  it(`agree on every step of a random life (TROUPE_SEED=${SEED})`, async () => {
    const life = new TwinLife(new Randomness(SEED), ofSandbox, ofReal);
    await life.begin();
    for (let step = 0; step < STEPS; step++) await life.step();

    expect(life.stepsTaken).toBe(STEPS);
    // A life without refusals, reorgs or confirmed spends of all kinds would prove little.
    expect(life.refusals).toBeGreaterThan(10);
    expect(life.accepted).toBeGreaterThan(10);
  }, 300_000);

  it("take each other's every kind of spend, in one transaction", async () => {
    const life = new TwinLife(new Randomness(7), ofSandbox, ofReal);
    await life.begin();
    const coins = await life.fundEachKind();

    const spend = life.owner.spend(coins, [{ kind: "p2wpkh", amountSat: 100_000n }]);
    expect(await life.send(spend.hex)).toBe(`ok ${spend.txid}`);
    await life.mine();

    for (const coin of coins) {
      const forged = life.owner.spend([coin], [{ kind: "p2tr", amountSat: 1_000n }], { isForged: true });
      // Spent by now: only the block that took them can be asked about the signatures, below.
      expect(await life.send(forged.hex)).toBe("-25 bad-txns-inputs-missingorspent");
    }
  }, 120_000);

  it("refuse each kind of spend when its signature is wrong", async () => {
    const life = new TwinLife(new Randomness(8), ofSandbox, ofReal);
    await life.begin();
    for (const coin of await life.fundEachKind()) {
      const forged = life.owner.spend([coin], [{ kind: "p2tr", amountSat: 1_000n }], { isForged: true });
      expect(await life.send(forged.hex)).toBe("-26 script-verify-flag-failed");
      expect(await life.tryBlock([forged.hex])).toMatch(/script-verify-flag-failed/);
    }
  }, 120_000);

  it("tell the same news over ZMQ, in the same order", async () => {
    const heard = { sandbox: [] as string[], real: [] as string[] };
    const listen = async (urls: { address: string }[], list: string[]) => {
      let connected = 0;
      const subscriber = new ZmqSubscriber({
        url: urls[0]?.address ?? "",
        topics: ["sequence", "hashblock"],
        clock: systemClock,
        log: silentLog(),
        onMessage: (topic, body) => {
          const event = topic === "sequence" ? parseSequence(body) : undefined;
          if (event === undefined) list.push(`${topic} ${Buffer.from(body).toString("hex")}`);
          else list.push("txid" in event ? `${event.kind} ${event.txid}` : `${event.kind} ${event.hash}`);
        },
        onGap: () => void connected++,
      });
      await waitFor("the publisher", () => connected > 0);
      return subscriber;
    };
    const life = new TwinLife(new Randomness(10), ofSandbox, ofReal);
    await life.begin();
    const [first, second] = await life.fundEachKind();
    const subscribers = [
      await listen((await ofSandbox("getzmqnotifications")) as { address: string }[], heard.sandbox),
      await listen((await ofReal("getzmqnotifications")) as { address: string }[], heard.real),
    ];
    // A subscription needs a moment until the publisher knows of it, and nothing tells when.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const spend = (coin: OwnedCoin, feeSat: bigint) => {
      const made = life.owner.spend([coin], [{ kind: "p2wpkh", amountSat: coin.amountSat - feeSat }]);
      const amountSat = coin.amountSat - feeSat;
      return { ...made, coin: { txid: made.txid, index: 0, amountSat, kind: "p2wpkh" } satisfies OwnedCoin };
    };
    const parent = spend(first as OwnedCoin, 1_000n);
    const child = spend(parent.coin, 1_000n);
    const richer = spend(first as OwnedCoin, 9_000n);
    const other = spend(second as OwnedCoin, 2_000n);
    for (const { hex } of [parent, child, richer, other]) expect(await life.send(hex)).toMatch(/^ok/);
    await life.mine();
    // The same block taken back, and two in its place.
    const tip = (await ofSandbox("getbestblockhash")) as string;
    for (const node of [ofSandbox, ofReal]) await node("invalidateblock", tip);
    await life.mine();
    const told = (list: readonly string[]) => list.filter((line) => line.startsWith("hashblock")).length;
    await waitFor("both to have told", () => told(heard.sandbox) >= 2 && told(heard.real) >= 2);
    for (const subscriber of subscribers) subscriber.close();

    expect(heard.sandbox.filter((line) => line.startsWith("added"))).toContain(`added ${other.txid}`);
    expect(heard.sandbox.filter((line) => line.startsWith("removed")).length).toBeGreaterThanOrEqual(2);
    const sequence = (list: readonly string[]) => list.filter((line) => !line.startsWith("hashblock"));
    expect(sequence(heard.sandbox)).toEqual(sequence(heard.real));
    const blocks = (list: readonly string[]) => list.filter((line) => line.startsWith("hashblock"));
    expect(blocks(heard.sandbox)).toEqual(blocks(heard.real));
  }, 120_000);

  it("judge several transactions together alike", async () => {
    const life = new TwinLife(new Randomness(12), ofSandbox, ofReal);
    await life.begin();
    const [first, second] = (await life.fundEachKind()) as [OwnedCoin, OwnedCoin];
    const pay = (coin: OwnedCoin, feeSat: bigint) =>
      life.owner.spend([coin], [{ kind: "p2wpkh", amountSat: coin.amountSat - feeSat }]);
    const parent = pay(first, 1_000n);
    const coin: OwnedCoin = {
      txid: parent.txid,
      index: 0,
      amountSat: first.amountSat - 1_000n,
      kind: "p2wpkh",
    };
    const child = pay(coin, 1_000n);
    const poor = pay(coin, 0n);
    const rival = pay(first, 5_000n);
    const forged = life.owner.spend([second], [{ kind: "p2tr", amountSat: 1_000n }], { isForged: true });
    for (const list of [
      [parent, child],
      [child, parent],
      [parent, rival],
      [parent, parent],
      [parent, poor],
      [parent, forged, child],
      [child],
    ]) {
      const asked = list.map(({ hex }) => hex);
      const verdicts = async (node: typeof ofReal) =>
        ((await node("testmempoolaccept", asked)) as Record<string, unknown>[]).map((of) => ({
          txid: of["txid"],
          allowed: of["allowed"],
          base: (of["fees"] as { base?: number } | undefined)?.base,
          problem: of["package-error"],
          reason: String(of["reject-reason"] ?? "").replace(/^(mandatory|mempool)-| ?[,(].*/g, ""),
        }));
      expect(await verdicts(ofSandbox)).toEqual(await verdicts(ofReal));
    }
    expect(await ofSandbox("getrawmempool")).toEqual([]);
  }, 120_000);

  it("refuse the same broken blocks", async () => {
    const life = new TwinLife(new Randomness(9), ofSandbox, ofReal);
    await life.begin();
    const address = life.owner.address("p2wpkh");
    const { hex } = (await ofSandbox("generateblock", address, [], false)) as { hex: string };

    for (const [offset, value] of [
      [36 * 2, "ff"], // merkle root
      [72 * 2, "1d00ffff"], // bits
      [68 * 2, "00000000"], // time
      [0, "02000000"], // version
    ] as const) {
      const broken = hex.slice(0, offset) + value + hex.slice(offset + value.length);
      const mined = rework(broken);
      expect(await ofSandbox("submitblock", mined)).toBe(await ofReal("submitblock", mined));
    }
    expect(await ofSandbox("submitblock", hex)).toBe(await ofReal("submitblock", hex));
    expect(await ofSandbox("submitblock", hex)).toBe(await ofReal("submitblock", hex));
    await life.compare();
  }, 120_000);
});

/** Finds a nonce for a changed header (or leaves it, where its bits are no target for us). */
function rework(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  for (let nonce = 0; nonce < 10_000; nonce++) {
    bytes.writeUInt32LE(nonce, 76);
    if ((sha256d(bytes.subarray(0, 80))[31] as number) < 0x80) break;
  }
  return bytes.toString("hex");
}
