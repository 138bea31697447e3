/** Transactions as hex: of the mempool; of blocks by the node's index of transactions where it keeps one, else out of the blocks. */
import type { BlockHash, Txid } from "../../bitcoin/bytes.ts";
import type { NodeConnection } from "../connection.ts";
import { rpcCodeOf } from "../errors.ts";
import { HexReply, IndexInfoReply } from "../replies.ts";
import { checked, METHOD_NOT_FOUND, NOT_FOUND, orNothing, rpcBatch, rpcCall } from "../rpc.ts";

export interface TransactionInBlock {
  readonly txid: Txid;
  readonly block: BlockHash;
}

const METHOD = "getrawtransaction";

/** Whether the node keeps an index of all transactions that is level with its chain (`-txindex`). */
export async function hasTransactionIndex(connection: NodeConnection): Promise<boolean> {
  const value = await orNothing(rpcCall(connection, "getindexinfo", ["txindex"]), METHOD_NOT_FOUND);
  return (
    value !== undefined && checked(connection, "getindexinfo", IndexInfoReply, value).txindex?.synced === true
  );
}

/**
 * In the order of what is wanted; nothing for one that is not there. For one of a named block the node reads
 * and parses all of that block: it has to only where its index does not know the transaction, as in the moment after a
 * block has come.
 */
export async function confirmedTransactions(
  connection: NodeConnection,
  wanted: readonly TransactionInBlock[],
  isIndexed: boolean,
): Promise<(string | undefined)[]> {
  const found = isIndexed
    ? await rawTransactions(
        connection,
        wanted.map(({ txid }) => ({ txid })),
      )
    : [];
  const missing = wanted.filter((_, i) => found[i] === undefined);
  const late = (await rawTransactions(connection, missing)).values();
  return wanted.map((_, i) => found[i] ?? late.next().value);
}

/** Of the mempool, or of the block that is named with it; in the order asked, nothing for one that is not there. */
export async function rawTransactions(
  connection: NodeConnection,
  wanted: readonly { readonly txid: Txid; readonly block?: BlockHash | undefined }[],
): Promise<(string | undefined)[]> {
  const calls = wanted.map(({ txid, block }) => ({
    method: METHOD,
    params: block === undefined ? [txid, 0] : [txid, 0, block],
  }));
  return (await rpcBatch(connection, calls)).map((item) => {
    if (!("error" in item)) return checked(connection, METHOD, HexReply, item.value);
    if (rpcCodeOf(item.error) === NOT_FOUND) return undefined;
    throw item.error;
  });
}
