/** Sending to the network, and what it costs: questions that only the node can answer. */
import { type BlockHash, bytesToHex, type Txid } from "../../../bitcoin/bytes.ts";
import { parseTransaction, txidOf } from "../../../bitcoin/transaction.ts";
import type {
  EstimateMode,
  NodeMempoolFigures,
  PackageVerdict,
  TestVerdict,
} from "../../../bitcoind/questions/mempool.ts";
import type { Handlers } from "../../../bus/bus.ts";
import type { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { asDeclared, refusalKindOf } from "../refusals.ts";
import type { View } from "../view/view.ts";
import { Estimates } from "./estimates.ts";

export type Sends = Pick<
  Handlers<typeof mempoolContract>,
  "rawTransactions" | "feeEstimates" | "relayFees" | "broadcast" | "broadcastPackage" | "testAccept"
>;

/** The node, as far as sending needs it. */
export interface SendingNode {
  transactions(txids: readonly Txid[], block?: BlockHash): Promise<(Uint8Array | undefined)[]>;
  broadcast(rawTx: Uint8Array): Promise<Txid>;
  broadcastPackage(rawTxs: readonly Uint8Array[]): Promise<PackageVerdict>;
  testAccept(rawTxs: readonly Uint8Array[]): Promise<readonly TestVerdict[]>;
  estimateSatPerKvb(targetBlocks: number, mode: EstimateMode): Promise<bigint | undefined>;
}

export interface SendsOptions {
  readonly node: SendingNode;
  readonly view: View;
  /** What the node says of its mempool, not older than a few seconds. */
  readonly figures: () => Promise<NodeMempoolFigures>;
  /** Resolves when they are in the view, or after a little while. */
  readonly include: (sent: readonly { readonly txid: Txid; readonly rawTx: Uint8Array }[]) => Promise<void>;
  readonly onVerdict: (verdict: "accepted" | "refused") => void;
}

export function sends(options: SendsOptions): Sends {
  const { node, view, figures, include, onVerdict } = options;
  const estimates = new Estimates({
    ask: (target, mode) => node.estimateSatPerKvb(target, mode),
    tipHash: () => view.chain.tip?.hash,
  });
  return {
    rawTransactions: async ({ txids }) => {
      const found = await asDeclared(rawTransactions(node, view, txids as Txid[]));
      return { results: found.map((bytes) => (bytes === undefined ? null : bytesToHex(bytes))) };
    },
    feeEstimates: async ({ targets, mode }) => {
      const found = await asDeclared(Promise.all(targets.map((target) => estimates.satPerKvb(target, mode))));
      return { results: found.map((satPerKvb) => (satPerKvb === undefined ? null : Number(satPerKvb))) };
    },
    relayFees: async () => {
      const { relaySatPerKvb, mempoolSatPerKvb, incrementalSatPerKvb } = await asDeclared(figures());
      return {
        relaySatPerKvb: Number(relaySatPerKvb),
        mempoolSatPerKvb: Number(mempoolSatPerKvb),
        incrementalSatPerKvb: Number(incrementalSatPerKvb),
      };
    },
    broadcast: async ({ rawTx }) => {
      const bytes = bytesOf(rawTx);
      try {
        const txid = await asDeclared(node.broadcast(bytes));
        onVerdict("accepted");
        await include([{ txid, rawTx: bytes }]);
        return { txid };
      } catch (error) {
        if (hasCode(error, "MEMPOOL_REFUSED")) onVerdict("refused");
        throw error;
      }
    },
    broadcastPackage: async ({ rawTxs }) => {
      const bytes = rawTxs.map(bytesOf);
      const verdict = await asDeclared(node.broadcastPackage(bytes));
      onVerdict(verdict.isAccepted ? "accepted" : "refused");
      const taken = new Set(verdict.results.filter(({ error }) => error === null).map(({ txid }) => txid));
      const sent = bytes.map((rawTx) => ({ txid: txidOf(parseTransaction(rawTx)), rawTx }));
      await include(sent.filter(({ txid }) => taken.has(txid)));
      const { isAccepted, results, replaced, nodeAnswer } = verdict;
      return { isAccepted, results: [...results], replaced: [...replaced], nodeAnswer };
    },
    testAccept: async ({ rawTxs }) => {
      const verdicts = await asDeclared(node.testAccept(rawTxs.map(bytesOf)));
      return { results: verdicts.map(testResult) };
    },
  };
}

/** Of the mempool, and of the last blocks as long as we still know which one it was. */
async function rawTransactions(
  node: SendingNode,
  view: View,
  txids: readonly Txid[],
): Promise<(Uint8Array | undefined)[]> {
  const byBlock = new Map<BlockHash | undefined, Txid[]>();
  // Of many clients who ask for the same at once, the node hears once.
  for (const txid of new Set(txids)) {
    const entry = view.tables.get(txid);
    if (entry === undefined) continue;
    const block = entry.confirmedAt === undefined ? undefined : view.chain.hashAt(entry.confirmedAt);
    const asked = byBlock.get(block) ?? [];
    asked.push(txid);
    byBlock.set(block, asked);
  }
  const found = new Map<Txid, Uint8Array | undefined>();
  await Promise.all(
    [...byBlock].map(async ([block, asked]) => {
      const bytes = await node.transactions(asked, block);
      asked.forEach((txid, i) => void found.set(txid, bytes[i]));
    }),
  );
  return txids.map((txid) => found.get(txid));
}

function testResult({ txid, wtxid, isAccepted, paidSat, sizeVb, reason }: TestVerdict) {
  return {
    txid,
    wtxid,
    isAccepted: isAccepted ?? null,
    feeSat: paidSat === undefined ? null : Number(paidSat),
    sizeVb: sizeVb ?? null,
    refusal: reason === undefined ? null : { kind: refusalKindOf(reason), reason },
  };
}

/** Base64 was checked at the edge of the bus. */
function bytesOf(rawTx: string): Uint8Array {
  return Buffer.from(rawTx, "base64");
}
