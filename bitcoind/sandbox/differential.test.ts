/** The sandbox beside a real bitcoind: the same random life, and after each step the same verdict, tip and mempool. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256d } from "../../bitcoin/hash.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { callNode, findBitcoind, RealNode, RpcFailure } from "../../tests/harness/node/bitcoind.ts";
import {
  CoinOwner,
  type OwnedCoin,
  SCRIPT_KINDS,
  type ScriptKind,
} from "../../tests/harness/node/coin-owner.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { parseSequence } from "../sequence.ts";
import { ZmqSubscriber } from "../zmq.ts";
import { SandboxNode } from "./node.ts";

const STEPS = 120;
const bitcoind = findBitcoind();
const owner = new CoinOwner("differential");
/** Debian's node (Bitcoin Knots) does not relay outputs of bare keys, whatever it is told; in blocks it takes them. */
const RELAYED_KINDS: readonly ScriptKind[] = [
  "p2pkh",
  "p2sh",
  "p2sh-p2wpkh",
  "p2wpkh",
  "p2wsh",
  "p2tr",
  "p2tr-script",
];

/** A small generator of random numbers that a seed repeats (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

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

  const seed = seedOf(process.env["TROUPE_SEED"]);
  it(`agree on every step of a random life (TROUPE_SEED=${seed})`, async () => {
    const life = new Life(randomFrom(seed), ofSandbox, ofReal);
    await life.begin();
    for (let step = 0; step < STEPS; step++) await life.step();

    expect(life.stepsTaken).toBe(STEPS);
    // A life without refusals, reorgs or confirmed spends of all kinds would prove little.
    expect(life.refusals).toBeGreaterThan(10);
    expect(life.accepted).toBeGreaterThan(10);
  }, 300_000);

  it("take each other's every kind of spend, in one transaction", async () => {
    const life = new Life(randomFrom(7), ofSandbox, ofReal);
    await life.begin();
    const coins = await life.fundEachKind();

    const spend = owner.spend(coins, [{ kind: "p2wpkh", amountSat: 100_000n }]);
    expect(await life.send(spend.hex)).toBe(`ok ${spend.txid}`);
    await life.mine();

    for (const coin of coins) {
      const forged = owner.spend([coin], [{ kind: "p2tr", amountSat: 1_000n }], { isForged: true });
      // Spent by now: only the block that took them can be asked about the signatures, below.
      expect(await life.send(forged.hex)).toBe("-25 bad-txns-inputs-missingorspent");
    }
  }, 120_000);

  it("refuse each kind of spend when its signature is wrong", async () => {
    const life = new Life(randomFrom(8), ofSandbox, ofReal);
    await life.begin();
    for (const coin of await life.fundEachKind()) {
      const forged = owner.spend([coin], [{ kind: "p2tr", amountSat: 1_000n }], { isForged: true });
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
    const life = new Life(randomFrom(10), ofSandbox, ofReal);
    await life.begin();
    const [first, second] = await life.fundEachKind();
    const subscribers = [
      await listen((await ofSandbox("getzmqnotifications")) as { address: string }[], heard.sandbox),
      await listen((await ofReal("getzmqnotifications")) as { address: string }[], heard.real),
    ];
    // A subscription needs a moment until the publisher knows of it, and nothing tells when.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const spend = (coin: OwnedCoin, feeSat: bigint) => {
      const made = owner.spend([coin], [{ kind: "p2wpkh", amountSat: coin.amountSat - feeSat }]);
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
    const life = new Life(randomFrom(12), ofSandbox, ofReal);
    await life.begin();
    const [first, second] = (await life.fundEachKind()) as [OwnedCoin, OwnedCoin];
    const pay = (coin: OwnedCoin, feeSat: bigint) =>
      owner.spend([coin], [{ kind: "p2wpkh", amountSat: coin.amountSat - feeSat }]);
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
    const forged = owner.spend([second], [{ kind: "p2tr", amountSat: 1_000n }], { isForged: true });
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
    const life = new Life(randomFrom(9), ofSandbox, ofReal);
    await life.begin();
    const address = owner.address("p2wpkh");
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

type Ask = (method: string, ...params: unknown[]) => Promise<unknown>;

/** Does the same with both nodes, and fails where they differ. */
class Life {
  stepsTaken = 0;
  refusals = 0;
  accepted = 0;
  readonly #random: (below: number) => number;
  readonly #sandbox: Ask;
  readonly #real: Ask;
  #coins: OwnedCoin[] = [];
  #sent: string[] = [];

  constructor(random: (below: number) => number, sandbox: Ask, real: Ask) {
    this.#random = random;
    this.#sandbox = sandbox;
    this.#real = real;
  }

  /** Coins that are ripe, and both nodes on one tip. */
  async begin(): Promise<void> {
    for (const kind of RELAYED_KINDS) await this.#mineIn("sandbox", 2, kind);
    await this.#mineIn("sandbox", 100, "p2wpkh");
    await this.compare();
  }

  async step(): Promise<void> {
    const actions = [
      () => this.#sendSome(),
      () => this.#sendSome(),
      () => this.#sendSome(),
      () => this.#sendWrong(),
      () => this.#sendWrong(),
      () => this.#replace(),
      () => this.mine(),
      () => this.mine(),
      () => this.#mineIn("real", 1 + this.#random(2), this.#kind(RELAYED_KINDS)),
      () => this.#reorganise(),
    ];
    await (actions[this.#random(actions.length)] as () => Promise<unknown>)();
    await this.compare();
    this.stepsTaken++;
  }

  async mine(): Promise<void> {
    await this.#mineIn("sandbox", 1, this.#kind(RELAYED_KINDS));
  }

  /** Sends to both; the answer they agree on. */
  async send(hex: string): Promise<string> {
    const [one, other] = [await verdict(this.#sandbox, hex), await verdict(this.#real, hex)];
    expect(one).toBe(other);
    if (one.startsWith("ok")) {
      this.accepted++;
      this.#sent.push(hex);
    } else {
      this.refusals++;
    }
    return one;
  }

  /** What both say to a block of these transactions that is not to be kept. */
  async tryBlock(transactions: readonly string[]): Promise<string> {
    const address = owner.address("p2wpkh");
    const refusal = async (ask: Ask) => {
      try {
        await ask("generateblock", address, transactions, false);
        return "ok";
      } catch (error) {
        return plain((error as Error).message.replace(/^TestBlockValidity failed: /, ""));
      }
    };
    const [one, other] = [await refusal(this.#sandbox), await refusal(this.#real)];
    expect(one).toBe(other);
    return one;
  }

  /** One confirmed coin of each kind of script. */
  async fundEachKind(): Promise<OwnedCoin[]> {
    const source = await this.#ripeCoin();
    const amountSat = 1_000_000n;
    const kinds = SCRIPT_KINDS;
    const change = source.amountSat - amountSat * BigInt(kinds.length) - 5_000n;
    const outputs = [
      ...kinds.map((kind) => ({ kind, amountSat })),
      { kind: "p2tr" as const, amountSat: change },
    ];
    const { txid, hex } = owner.spend([source], outputs);
    await this.mineExactly([hex]);
    return kinds.map((kind, index) => ({ txid, index, amountSat, kind }));
  }

  /** A block of the sandbox with just these, which the other must take. */
  async mineExactly(transactions: readonly string[]): Promise<void> {
    const mined = await this.#sandbox("generateblock", owner.address("p2wpkh"), transactions);
    const { hash } = mined as { hash: string };
    expect(await this.#real("submitblock", await this.#sandbox("getblock", hash, 0))).toBeNull();
    await this.compare();
  }

  async compare(): Promise<void> {
    expect(await this.#sandbox("getbestblockhash")).toBe(await this.#real("getbestblockhash"));
    const mempool = async (ask: Ask) => ((await ask("getrawmempool")) as string[]).sort();
    expect(await mempool(this.#sandbox)).toEqual(await mempool(this.#real));
  }

  async #sendSome(): Promise<void> {
    const coins = await this.#available(1 + this.#random(3));
    if (coins.length === 0) return;
    await this.#sendFrom(coins, 500n + BigInt(this.#random(3_000)));
  }

  async #sendFrom(coins: readonly OwnedCoin[], feeSat: bigint): Promise<string> {
    const totalSat = coins.reduce((sum, coin) => sum + coin.amountSat, 0n);
    const count = 1 + this.#random(3);
    const share = (totalSat - feeSat) / BigInt(count);
    if (share < 1_000n) return "too poor";
    const outputs = Array.from({ length: count }, () => ({
      kind: this.#kind(RELAYED_KINDS),
      amountSat: share,
    }));
    const { txid, hex } = owner.spend(coins, outputs);
    const answer = await this.send(hex);
    if (answer.startsWith("ok")) {
      for (const [index, { kind, amountSat }] of outputs.entries())
        this.#coins.push({ txid, index, amountSat, kind });
    }
    return answer;
  }

  async #sendWrong(): Promise<void> {
    const [coin] = await this.#available(1);
    if (coin === undefined) return;
    const height = (await this.#sandbox("getblockcount")) as number;
    const kind = this.#kind(RELAYED_KINDS);
    const all = coin.amountSat;
    const wrongs = [
      () => owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { isForged: true }),
      () => owner.spend([coin], [{ kind, amountSat: all + 1n }]),
      () => owner.spend([coin], [{ kind, amountSat: all }]),
      () => owner.spend([coin], [{ kind: "p2wpkh", amountSat: 100n }]),
      () => owner.spend([{ ...coin, index: coin.index + 50 }], [{ kind, amountSat: all - 1_000n }]),
      () =>
        owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { locktime: height + 1 + this.#random(3) }),
      () => owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { locktime: height }),
      () => owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { sequence: this.#random(4) }),
      () => owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { sequence: 0x400001 }),
      () => owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { version: 7 }),
      () => owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { version: 3 }),
      () => owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { version: 1, sequence: 5 }),
      () => owner.spend([coin, coin], [{ kind, amountSat: all - 1_000n }]),
    ];
    const { txid, hex } = (wrongs[this.#random(wrongs.length)] as () => { txid: string; hex: string })();
    const answer = await this.send(hex);
    if (answer.startsWith("ok")) this.#coins.push({ txid, index: 0, amountSat: all - 1_000n, kind });
    const again = this.#sent[this.#random(this.#sent.length)];
    if (again !== undefined) await this.send(again);
  }

  /** Spends a coin a second time, with about the fee it takes: sometimes too little, sometimes enough. */
  async #replace(): Promise<void> {
    const [coin] = await this.#available(1);
    if (coin === undefined) return;
    if (!(await this.#sendFrom([coin], 1_000n)).startsWith("ok")) return;
    await this.#sendFrom([coin], 900n + BigInt(this.#random(600)));
  }

  async #reorganise(): Promise<void> {
    const height = (await this.#sandbox("getblockcount")) as number;
    const depth = 1 + this.#random(4);
    const gone = await this.#sandbox("getblockhash", height - depth + 1);
    await this.#both("invalidateblock", gone);
    await this.#sendWhatWasDropped();
    await this.compare();
    await this.#mineIn("sandbox", this.#random(depth + 2), this.#kind(RELAYED_KINDS));
    await this.compare();
    if (this.#random(3) === 0) {
      await this.#both("reconsiderblock", gone);
      await this.#sendWhatWasDropped();
    }
  }

  /**
   * A real node looks at its mempool after each block that it takes back, so it forgets a spend of a reward that is
   * unripe half-way of a reorg and ripe at its end. The sandbox looks at the end: what it kept, the real node takes again.
   */
  async #sendWhatWasDropped(): Promise<void> {
    const kept = (await this.#real("getrawmempool")) as string[];
    for (const txid of (await this.#sandbox("getrawmempool")) as string[]) {
      if (kept.includes(txid)) continue;
      expect(await this.#real("sendrawtransaction", await this.#sandbox("getrawtransaction", txid))).toBe(
        txid,
      );
    }
  }

  async #both(method: string, ...params: unknown[]): Promise<void> {
    expect(await this.#sandbox(method, ...params)).toEqual(await this.#real(method, ...params));
  }

  /** Mines in one of the nodes and gives the blocks to the other, which must take each. */
  async #mineIn(where: "sandbox" | "real", count: number, kind: ScriptKind): Promise<void> {
    const [miner, other] = where === "sandbox" ? [this.#sandbox, this.#real] : [this.#real, this.#sandbox];
    for (let mined = 0; mined < count; mined++) {
      const { hash, paid } = await mineOne(miner, kind);
      expect(await other("submitblock", await miner("getblock", hash, 0))).toBeNull();
      const block = (await miner("getblock", hash, 2)) as {
        tx: { txid: string; vout: { value: number }[] }[];
      };
      const [coinbase] = block.tx;
      const amountSat = BigInt(Math.round((coinbase?.vout[0]?.value ?? 0) * 1e8));
      this.#coins.push({ txid: coinbase?.txid ?? "", index: 0, amountSat, kind: paid });
    }
  }

  /** Random coins that neither node has spent; both must agree on them, ripe or not. */
  async #available(count: number): Promise<OwnedCoin[]> {
    const found = new Set<OwnedCoin>();
    for (let tries = 0; tries < 30 && found.size < count && this.#coins.length > 0; tries++) {
      const coin = this.#coins[this.#random(this.#coins.length)] as OwnedCoin;
      const [one, other] = [
        await this.#sandbox("gettxout", coin.txid, coin.index),
        await this.#real("gettxout", coin.txid, coin.index),
      ];
      expect(outline(one)).toEqual(outline(other));
      if (one === null) this.#coins = this.#coins.filter((of) => of !== coin);
      // One unripe coin now and then: both must refuse it for the same reason.
      else if (isRipe(one) || this.#random(10) === 0) found.add(coin);
    }
    return [...found];
  }

  async #ripeCoin(): Promise<OwnedCoin> {
    for (const coin of this.#coins) {
      const found = await this.#sandbox("gettxout", coin.txid, coin.index);
      if (found !== null && isRipe(found)) return coin;
    }
    throw new Error("no ripe coin");
  }

  #kind(kinds: readonly ScriptKind[]): ScriptKind {
    return kinds[this.#random(kinds.length)] as ScriptKind;
  }
}

function isRipe(coin: unknown): boolean {
  const { coinbase, confirmations } = coin as { coinbase: boolean; confirmations: number };
  return !coinbase || confirmations >= 100;
}

/** What Bitcoin Core and the sandbox both tell of a coin. */
function outline(coin: unknown): unknown {
  if (coin === null) return null;
  const { bestblock, confirmations, value, coinbase, scriptPubKey } = coin as Record<string, unknown>;
  const { asm, hex, address, type } = scriptPubKey as Record<string, unknown>;
  return { bestblock, confirmations, value, coinbase, asm, hex, address, type };
}

/** One life is told again and again, so that a red test means a change of ours; `TROUPE_SEED=random` looks for new ones. */
function seedOf(wanted: string | undefined): number {
  return wanted === "random" ? Date.now() % 2 ** 31 : Number(wanted ?? 1);
}

/**
 * One block that pays a script of this kind. A block that an `invalidateblock` took out in this very second would come
 * out byte for byte the same and be refused as known to be bad; paid to another kind it is another block.
 */
async function mineOne(miner: Ask, kind: ScriptKind): Promise<{ hash: string; paid: ScriptKind }> {
  const others = RELAYED_KINDS.filter((other) => other !== kind);
  for (const paid of [kind, ...others]) {
    try {
      const [hash = ""] = (await miner("generatetoaddress", 1, owner.address(paid))) as string[];
      return { hash, paid };
    } catch (error) {
      const isKnownBad = error instanceof RpcFailure && error.message.includes("block not accepted");
      if (!isKnownBad) throw error;
    }
  }
  throw new Error("no kind of script makes a block that the node takes");
}

async function verdict(ask: Ask, hex: string): Promise<string> {
  try {
    return `ok ${await ask("sendrawtransaction", hex)}`;
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    return `${error.rpcCode} ${plain(error.message)}`;
  }
}

/**
 * The reason without its details. Of script failures only that they are: each names the flag in its own words.
 * Of TRUC's rules (BIP431) too: Bitcoin Core, whom the sandbox follows, has one code for all, Knots one for each.
 */
function plain(reason: string): string {
  const [head = ""] = reason.split(/[,(]/);
  return head
    .trim()
    .replace(/^(non-)?(mandatory|mempool|block)-script/, "script")
    .replace(/^truc-.*$/, "TRUC-violation");
}

/** Finds a nonce for a changed header (or leaves it, where its bits are no target for us). */
function rework(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  for (let nonce = 0; nonce < 10_000; nonce++) {
    bytes.writeUInt32LE(nonce, 76);
    if ((sha256d(bytes.subarray(0, 80))[31] as number) < 0x80) break;
  }
  return bytes.toString("hex");
}
