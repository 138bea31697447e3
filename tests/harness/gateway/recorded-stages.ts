/** The life of the recorded chain in stages: all confirmed, five unconfirmed, two of these in a block, that block replaced, all in blocks. */
import { parseBlock, serializeBlock } from "../../../bitcoin/block/block.ts";
import { blockHashOf } from "../../../bitcoin/block/header.ts";
import { merkleRoot } from "../../../bitcoin/block/merkle.ts";
import { txidFromBytes } from "../../../bitcoin/bytes.ts";
import { isIndexedScript, scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { sizeVbOf, type Transaction, txidBytesOf, txidOf } from "../../../bitcoin/transaction.ts";
import { readRegtestChain } from "../chain/regtest-chain.ts";
import { ReplayedSource } from "../chain/replayed-source.ts";
import type { ModelTx } from "../mempool/model-mempool.ts";
import { waitFor } from "../wait-for.ts";
import { ElectrumUnderTest, type MempoolHandlers } from "./electrum.ts";

export type Stage = "S1" | "S2" | "S3" | "S4" | "S5";

/** By the stage: the height of its chain. */
const HEIGHTS: Readonly<Record<Stage, number>> = { S1: 106, S2: 106, S3: 107, S4: 108, S5: 109 };
const STAGES: readonly Stage[] = ["S1", "S2", "S3", "S4", "S5"];

export class RecordedStages {
  readonly chain = readRegtestChain();
  readonly source: ReplayedSource;
  /** The five in the order in which they were sent. */
  readonly sent: readonly Transaction[];
  readonly under: ElectrumUnderTest;
  readonly #blocks: readonly Uint8Array[];
  /** Another block 107: it confirms the first and the third, and is given up in S4. */
  readonly #orphan: Uint8Array;
  #stage: Stage = "S1";

  private constructor(under: ElectrumUnderTest, source: ReplayedSource, blocks: readonly Uint8Array[]) {
    this.under = under;
    this.source = source;
    this.#blocks = blocks;
    const last = parseBlock(blocks[109] as Uint8Array).transactions.slice(1);
    // m2, m4 and m5 spend what others of them made: parents come first in a block.
    this.sent = last;
    this.#orphan = this.#orphanBlock();
    for (const transaction of last) source.learnOutputs(transaction);
  }

  static async start(handlers: MempoolHandlers = {}): Promise<RecordedStages> {
    const blocks = readRegtestChain().blocks.map((hex) => new Uint8Array(Buffer.from(hex, "hex")));
    const source = new ReplayedSource(blocks.slice(0, 107));
    return new RecordedStages(await ElectrumUnderTest.start(source, handlers), source, blocks);
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** The transaction whose id begins so. */
  sentBy(prefix: string): Transaction {
    const found = this.sent.find((transaction) => txidOf(transaction).startsWith(prefix));
    if (found === undefined) throw new Error(`no sent transaction begins with ${prefix}`);
    return found;
  }

  scripthash(letter: string): string {
    return this.chain.scripts[letter]?.scripthash as string;
  }

  /** Through all stages up to this one; resolves when the door knows the tip. */
  async to(stage: Stage): Promise<void> {
    for (const next of STAGES.slice(STAGES.indexOf(this.#stage) + 1, STAGES.indexOf(stage) + 1)) {
      await this.#advance(next);
    }
  }

  stop(): Promise<void> {
    return this.under.stop();
  }

  async #advance(stage: Stage): Promise<void> {
    const { model } = this.under;
    this.#stage = stage;
    const blocks = this.#blocks.slice(0, HEIGHTS[stage] + 1);
    if (stage === "S3") blocks[107] = this.#orphan;
    const confirmed = new Set(
      blocks.flatMap((bytes) => parseBlock(bytes).transactions.map((transaction) => txidOf(transaction))),
    );
    model.txs.length = 0;
    if (stage !== "S1") {
      model.txs.push(
        ...this.sent
          .filter((transaction) => !confirmed.has(txidOf(transaction)))
          .map((one) => this.#modelTx(one)),
      );
    }
    const hash = blockHashOf(blocks.at(-1) as Uint8Array);
    model.view = { tip: { height: blocks.length - 1, hash }, isSynced: true };
    this.source.replace(blocks);
    const touched = new Set(this.sent.flatMap((one) => this.#touchedBy(this.#modelTx(one))));
    await this.under.tellChange([...touched].sort());
    await waitFor(`the door to be at ${stage}`, () => this.under.half.feed.tip?.hash === hash);
  }

  #touchedBy({ spends, pays }: ModelTx): string[] {
    return [...spends, ...pays].flatMap((of) => (of === undefined ? [] : [of.scripthash]));
  }

  #modelTx(transaction: Transaction): ModelTx {
    return {
      txid: txidOf(transaction),
      sizeVb: sizeVbOf(transaction),
      timeS: 0,
      spends: transaction.inputs.map(({ previousTxidBytes, previousIndex: index }) => {
        const txid = txidFromBytes(previousTxidBytes);
        const output = this.source.output(txid, index);
        if (output === undefined) throw new Error(`${txid}:${index} is unknown`);
        return {
          txid,
          index,
          scripthash: scriptHashOf(output.scriptPubKey),
          amountSat: Number(output.amountSat),
        };
      }),
      pays: transaction.outputs.map(({ amountSat, scriptPubKey }) =>
        isIndexedScript(scriptPubKey)
          ? { scripthash: scriptHashOf(scriptPubKey), amountSat: Number(amountSat) }
          : undefined,
      ),
    };
  }

  #orphanBlock(): Uint8Array {
    const { header, transactions } = parseBlock(this.#blocks[107] as Uint8Array);
    const outputs = [
      { amountSat: 5_000_000_000n, scriptPubKey: Buffer.from(this.chain.scripts["A"]?.spk as string, "hex") },
    ];
    const coinbase = { ...(transactions[0] as Transaction), outputs };
    const chosen = [coinbase, this.sentBy("3032f3a9"), this.sentBy("2a0a10f1")];
    const merkleRootBytes = merkleRoot(Buffer.concat(chosen.map((one) => txidBytesOf(one))));
    return serializeBlock({ header: { ...header, merkleRootBytes }, transactions: chosen });
  }
}
