/** An index and a mempool that stand still and know a wallet of so many used addresses: each answer is looked up, so that little of what is measured is theirs. */
import { bytesToHex, txidFromBytes } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import {
  parseTransaction,
  serializeTransaction,
  sizeVbOf,
  type Transaction,
  txidOf,
} from "../../bitcoin/transaction.ts";
import { indexerContract } from "../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../bus/contracts/mempool.ts";
import { type Connector, fakeActor } from "../../bus/fake.ts";
import type { WalletKeys } from "../../joinmarket/wallet/wallet-keys.ts";
import { ModelMempool, type ModelTx } from "../../tests/harness/mempool/model-mempool.ts";

const MIXDEPTHS = 5;
/** Of each ten, one has its coin still; of the first hundred all have. */
const COIN_EACH = 10;
const COINS_AT_LEAST = 100;
const COIN_SAT = 1_000_000;
const HEADER_BYTES = 80;
const HEADER_TIME_AT = 68;
const RELAY_SAT_PER_KVB = 1_000;
const TIP = Object.freeze({ height: 10_000, hash: "5a".repeat(32) });

interface Used {
  readonly txid: string;
  readonly height: number;
  readonly hasCoin: boolean;
  readonly spentBy: string;
}

export class UsedWorld {
  readonly #used = new Map<string, Used>();
  readonly #raw = new Map<string, string>();
  /** By txid the script that its only output pays. */
  readonly #paid = new Map<string, string>();
  #stop: (() => Promise<void>)[] = [];

  /** Each of the wallet's first addresses was paid once; both branches of all mixdepths are used alike. */
  pay(keys: WalletKeys, addresses: number): string[] {
    const hashes: string[] = [];
    for (let at = 0; at < addresses; at++) {
      const mixdepth = at % MIXDEPTHS;
      const chain = Math.floor(at / MIXDEPTHS) % 2;
      const index = Math.floor(at / (2 * MIXDEPTHS));
      const { scriptHash, scriptPubKey } = keys.key({ mixdepth, chain, index });
      const txid = this.#paying(scriptPubKey, at);
      const hasCoin = at < COINS_AT_LEAST || at % COIN_EACH === 0;
      const spentBy = hasCoin ? "" : this.#paying(Uint8Array.of(0x51), addresses + at);
      this.#used.set(scriptHash, { txid, height: 1 + (at % (TIP.height - 200)), hasCoin, spentBy });
      hashes.push(scriptHash);
    }
    return hashes;
  }

  async start(connector: Connector): Promise<void> {
    const mempool = new ModelMempool();
    mempool.view = { tip: TIP, isSynced: true };
    const rawTransactions = ({ txids }: { readonly txids: readonly string[] }) => ({
      results: txids.map((txid) => this.#raw.get(txid) ?? null),
    });
    const index = await fakeActor(connector, indexerContract, {
      tip: () => ({ tip: { ...TIP, txCount: this.#raw.size }, isSynced: true }),
      histories: ({ scripthashes }) => ({
        tip: TIP,
        results: scripthashes.map((hash) => this.#history(hash)),
      }),
      unspents: ({ scripthashes }) => ({
        tip: TIP,
        results: scripthashes.map((hash) => this.#unspents(hash)),
      }),
      headers: ({ count }) => ({ count, hex: bytesToHex(headers(count)) }),
      rawTransactions,
    });
    const waiting = await fakeActor(connector, mempoolContract, {
      ...mempool.handlers(),
      rawTransactions,
      relayFees: () => ({
        relaySatPerKvb: RELAY_SAT_PER_KVB,
        mempoolSatPerKvb: RELAY_SAT_PER_KVB,
        incrementalSatPerKvb: RELAY_SAT_PER_KVB,
      }),
      feeEstimates: ({ targets }) => ({ results: targets.map(() => 2 * RELAY_SAT_PER_KVB) }),
      broadcast: ({ rawTx }) => {
        const transaction = parseTransaction(Buffer.from(rawTx, "base64"), regtest.serialization);
        mempool.txs.push(this.#waiting(transaction));
        return { txid: txidOf(transaction) };
      },
    });
    this.#stop = [() => index.stop(), () => waiting.stop()];
  }

  async stop(): Promise<void> {
    for (const stop of this.#stop) await stop();
  }

  #paying(scriptPubKey: Uint8Array, number: number): string {
    const transaction: Transaction = {
      version: 2,
      inputs: [
        {
          previousTxidBytes: new Uint8Array(32).fill(7),
          ...{ previousIndex: number, scriptSig: new Uint8Array(0), sequence: 0, witness: [] },
        },
      ],
      outputs: [{ amountSat: BigInt(COIN_SAT), scriptPubKey }],
      locktime: 0,
    };
    const txid = txidOf(transaction);
    this.#raw.set(txid, bytesToHex(serializeTransaction(transaction)));
    this.#paid.set(txid, scriptHashOf(scriptPubKey));
    return txid;
  }

  #waiting(transaction: Transaction): ModelTx {
    const txid = txidOf(transaction);
    this.#raw.set(txid, bytesToHex(serializeTransaction(transaction)));
    return {
      ...{ txid, sizeVb: sizeVbOf(transaction), timeS: 1_700_000_000 },
      spends: transaction.inputs.map(({ previousTxidBytes, previousIndex: index }) => {
        const spent = txidFromBytes(previousTxidBytes);
        return { txid: spent, index, scripthash: this.#paid.get(spent) ?? "", amountSat: COIN_SAT };
      }),
      pays: transaction.outputs.map(({ scriptPubKey, amountSat }) => ({
        scripthash: scriptHashOf(scriptPubKey),
        amountSat: Number(amountSat),
      })),
    };
  }

  #history(hash: string) {
    const used = this.#used.get(hash);
    if (used === undefined) return [];
    const { txid, height, hasCoin, spentBy } = used;
    return [{ txid, height }, ...(hasCoin ? [] : [{ txid: spentBy, height: height + 1 }])];
  }

  #unspents(hash: string) {
    const used = this.#used.get(hash);
    return used?.hasCoin ? [{ txid: used.txid, index: 0, amountSat: COIN_SAT, height: used.height }] : [];
  }
}

function headers(count: number): Uint8Array {
  const bytes = new Uint8Array(count * HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) view.setUint32(i * HEADER_BYTES + HEADER_TIME_AT, 1_700_000_000 + i, true);
  return bytes;
}
