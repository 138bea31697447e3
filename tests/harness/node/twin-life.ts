/** One random life led with two nodes at once: what either says, the other must say too. */
import { expect } from "vitest";
import type { Randomness } from "../../../bench/chain/randomness.ts";
import { RpcFailure } from "./bitcoind.ts";
import { CoinOwner, type OwnedCoin, SCRIPT_KINDS, type ScriptKind } from "./coin-owner.ts";

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

export type Ask = (method: string, ...params: unknown[]) => Promise<unknown>;

/** Does the same with both nodes, and fails where they differ. */
export class TwinLife {
  stepsTaken = 0;
  refusals = 0;
  accepted = 0;
  readonly owner = new CoinOwner("differential");
  readonly #randomness: Randomness;
  readonly #sandbox: Ask;
  readonly #real: Ask;
  #coins: OwnedCoin[] = [];
  #sent: string[] = [];

  constructor(randomness: Randomness, sandbox: Ask, real: Ask) {
    this.#randomness = randomness;
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
    const address = this.owner.address("p2wpkh");
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
    const { txid, hex } = this.owner.spend([source], outputs);
    await this.mineExactly([hex]);
    return kinds.map((kind, index) => ({ txid, index, amountSat, kind }));
  }

  /** A block of the sandbox with just these, which the other must take. */
  async mineExactly(transactions: readonly string[]): Promise<void> {
    const mined = await this.#sandbox("generateblock", this.owner.address("p2wpkh"), transactions);
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
    const { txid, hex } = this.owner.spend(coins, outputs);
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
      () => this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { isForged: true }),
      () => this.owner.spend([coin], [{ kind, amountSat: all + 1n }]),
      () => this.owner.spend([coin], [{ kind, amountSat: all }]),
      () => this.owner.spend([coin], [{ kind: "p2wpkh", amountSat: 100n }]),
      () => this.owner.spend([{ ...coin, index: coin.index + 50 }], [{ kind, amountSat: all - 1_000n }]),
      () =>
        this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], {
          locktime: height + 1 + this.#random(3),
        }),
      () => this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { locktime: height }),
      () => this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { sequence: this.#random(4) }),
      () => this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { sequence: 0x400001 }),
      () => this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { version: 7 }),
      () => this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { version: 3 }),
      () => this.owner.spend([coin], [{ kind, amountSat: all - 1_000n }], { version: 1, sequence: 5 }),
      () => this.owner.spend([coin, coin], [{ kind, amountSat: all - 1_000n }]),
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
      const { hash, paid } = await mineOne(miner, kind, this.owner);
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

  #random(below: number): number {
    return Math.floor(this.#randomness.fraction() * below);
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

/**
 * One block that pays a script of this kind. A block that an `invalidateblock` took out in this very second would come
 * out byte for byte the same and be refused as known to be bad; paid to another kind it is another block.
 */
async function mineOne(
  miner: Ask,
  kind: ScriptKind,
  owner: CoinOwner,
): Promise<{ hash: string; paid: ScriptKind }> {
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
