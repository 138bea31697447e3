/** The methods about single transactions: their bytes, their proofs, and sending them. */
import { setImmediate as turn } from "node:timers/promises";
import { hexToBytes } from "../../../../bitcoin/bytes.ts";
import { decodeTransaction } from "../../../../bitcoin/decoded-transaction.ts";
import { parseTransaction } from "../../../../bitcoin/transaction.ts";
import { MEMPOOL_PACKAGE_MAX } from "../../../../bus/contracts/mempool.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import { whenKnown } from "../asking/at-hand.ts";
import { clientFailure, mayBeDone } from "../asking/failure.ts";
import { FairTurns } from "../asking/fair-turns.ts";
import type { TransactionProof, Transactions } from "../chain/transactions.ts";
import { type Method, method, optional, required } from "../method.ts";
import { badRequest, PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { Session } from "../session.ts";
import { boolean, hex, shown, thousands, transactionHash, wholeNumber } from "./arguments.ts";
import type { ChainParts } from "./chain-parts.ts";

const HEX_PER_COST = 5_000;
/** A transaction of 1 MB takes this thread a third of a second. */
const PRINTING = Object.freeze({ atOnce: 1, waitingMax: 3_000, waitingPerAskerMax: 256 });
/** Where the time stands in a header's hex: 4 bytes, the lowest first. */
const TIME_AT = 68 * 2;

export function transactionMethods(parts: ChainParts): readonly Method[] {
  const printing = new FairTurns(PRINTING);
  return [
    method({
      name: "blockchain.transaction.get",
      params: [required("tx_hash", transactionHash), optional("verbose", boolean("verbose"), false)],
      cost: 1,
      handle: ([txid, isVerbose], session) =>
        isVerbose ? verboseTransaction(parts, printing, txid, session) : rawTransaction(parts, txid),
    }),
    method({
      name: "blockchain.transaction.get_merkle",
      params: [required("tx_hash", transactionHash), required("height", wholeNumber)],
      cost: 0.5,
      handle: ([txid, height]) => merkleProof(parts, txid, height),
    }),
    method({
      name: "blockchain.transaction.broadcast",
      params: [required("raw_tx", hex)],
      cost: 0.25,
      handle: ([raw], session) => {
        session.charge(raw.length / HEX_PER_COST);
        return broadcast(parts, raw);
      },
    }),
    method({
      name: "blockchain.transaction.broadcast_package",
      since: "1.6",
      params: [required("raw_txs", hexList), optional("verbose", boolean("verbose"), false)],
      cost: 0.25,
      handle: ([raws, isVerbose], session) => {
        session.charge(raws.reduce((sum, raw) => sum + raw.length, 0) / HEX_PER_COST);
        return broadcastPackage(parts, raws, isVerbose);
      },
    }),
  ];
}

function rawTransaction({ transactions, log }: ChainParts, txid: string): string | Promise<string> {
  return whenKnown(
    transactions.raw(txid),
    (raw) => {
      if (raw !== undefined) return raw;
      throw new ProtocolError(
        PROTOCOL_CODES.node,
        "daemon error: No such mempool or blockchain transaction. Use gettransaction for wallet transactions.",
        { data: { code: -5 } },
      );
    },
    (error) => {
      throw clientFailure(error, "the index", log);
    },
  );
}

/** As a node with an index of all transactions prints it. */
async function verboseTransaction(
  parts: ChainParts,
  printing: FairTurns,
  txid: string,
  session: Session,
): Promise<unknown> {
  const raw = await rawTransaction(parts, txid);
  session.charge(raw.length / HEX_PER_COST);
  const decoded = await printing.take(session, async () => {
    // Each in a turn of its own, so that all others have theirs between two.
    await turn();
    return decodeTransaction(parseTransaction(hexToBytes(raw), parts.network.serialization), parts.network);
  });
  try {
    const place = await parts.transactions.place(txid);
    if (place === undefined) return decoded;
    const header = await parts.headers.at(place.height);
    const tipHeight = parts.feed.tip?.height ?? place.height;
    const time = header === undefined ? {} : timesOf(header);
    const confirmations = Math.max(1, tipHeight - place.height + 1);
    return { ...decoded, blockhash: place.blockHash, confirmations, ...time };
  } catch (error) {
    throw clientFailure(error, "the index", parts.log);
  }
}

function timesOf(header: string): { readonly time: number; readonly blocktime: number } {
  const timeS = Buffer.from(header.slice(TIME_AT, TIME_AT + 8), "hex").readUInt32LE();
  return { time: timeS, blocktime: timeS };
}

function merkleProof(parts: ChainParts, txid: string, height: number): unknown {
  const { transactions, log } = parts;
  return whenKnown(
    transactions.proof(txid),
    (proof) =>
      proof?.height === height
        ? { block_height: height, merkle: proof.branch, pos: proof.position }
        : earlierProof(parts, txid, height, proof),
    (error) => {
      throw clientFailure(error, "the index", log);
    },
  );
}

/** Of two coinbases with one id (BIP30) the index names the later. */
async function earlierProof(
  { transactions, feed }: ChainParts,
  txid: string,
  height: number,
  later: TransactionProof | undefined,
): Promise<unknown> {
  const first =
    later === undefined || height > later.height ? undefined : await coinbaseProof(transactions, height);
  if (first?.txid === txid) return { block_height: height, merkle: first.branch, pos: 0 };
  if (height > (feed.tip?.height ?? -1)) throw badRequest(`height ${thousands(height)} out of range`);
  throw badRequest(`tx ${txid} not in block at height ${thousands(height)}`);
}

/** Where the index goes without the block meanwhile, it has no such transaction either. */
async function coinbaseProof(transactions: Transactions, height: number) {
  try {
    return await transactions.at(height, 0, true);
  } catch {
    return undefined;
  }
}

async function broadcast({ mempool, log }: ChainParts, raw: string): Promise<string> {
  try {
    return (await mempool.broadcast({ rawTx: base64(raw) })).txid;
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined) throw sendFailure(error, log);
    throw badRequest(`the transaction was rejected by network rules.\n\n${reason}\n[${raw}]`);
  }
}

async function broadcastPackage(
  { mempool, log }: ChainParts,
  raws: readonly string[],
  isVerbose: boolean,
): Promise<unknown> {
  try {
    const { isAccepted, results, nodeAnswer } = await mempool.broadcastPackage({ rawTxs: raws.map(base64) });
    if (isVerbose) return nodeAnswer;
    const errors = results.flatMap(({ txid, error }) => (error === null ? [] : [{ txid, error }]));
    return errors.length === 0 ? { success: isAccepted } : { success: isAccepted, errors };
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined) throw sendFailure(error, log);
    throw badRequest(`the tx package was rejected by network rules.\n\n${reason}.`);
  }
}

/** The node's own words, which wallets know; undefined when it was not the node that refused. */
function refusalOf(error: unknown): string | undefined {
  const { code, message, data } = toWireError(error);
  if (code === "MEMPOOL_REFUSED") return String(data["reason"] ?? message);
  // What does not fit into a message is too large for a node as well, and what is empty is no transaction.
  if (code === "BUS_TOO_LARGE") return "tx-size";
  return code === "BUS_BAD_REQUEST"
    ? "TX decode failed. Make sure the tx has at least one input."
    : undefined;
}

function sendFailure(error: unknown, log: ChainParts["log"]): ProtocolError {
  if (!mayBeDone(error)) return clientFailure(error, "the mempool", log);
  // The answer may be lost and the transaction sent: sending it again is harmless.
  return new ProtocolError(
    PROTOCOL_CODES.node,
    "daemon error: no answer; the transaction may have been sent. Sending it again does no harm.",
  );
}

function hexList(given: unknown): readonly string[] {
  if (!Array.isArray(given)) throw badRequest(`${shown(given)} should be a list`);
  if (given.length === 0 || given.length > MEMPOOL_PACKAGE_MAX) {
    throw badRequest(`a package has 1 to ${MEMPOOL_PACKAGE_MAX} transactions`);
  }
  return given.map(hex);
}

function base64(raw: string): string {
  return Buffer.from(raw, "hex").toString("base64");
}
