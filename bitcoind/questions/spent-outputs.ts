/** The scripts of the outputs that a block spends, as the node's undo data has them: nothing is looked up for it. */
import { z } from "zod";
import { type BlockHash, hexToBytes } from "../../bitcoin/bytes.ts";
import { Reader } from "../../bitcoin/codec.ts";
import { hasCode } from "../../runtime/errors.ts";
import type { NodeConnection } from "../connection.ts";
import { badReply, checked, NOT_FOUND, orNothing, rpcCall } from "../rpc.ts";

/** Bitcoin Core's RPC_MISC_ERROR: among others, that the undo data of the block is gone. */
const MISC_ERROR = -1;
/** A block of 4 MB as JSON with all that it spends. */
const BLOCK_JSON_MAX_BYTES = 256 * 1024 * 1024;

const BlockWithPrevouts = z.object({
  tx: z.array(
    z.object({
      vin: z.array(
        z.object({ prevout: z.object({ scriptPubKey: z.object({ hex: z.string() }) }).optional() }),
      ),
    }),
  ),
});

/** Whether the node has the REST path (Bitcoin Core 30 or later): every node has the genesis block, which spends nothing. */
export async function hasSpentOutputs(connection: NodeConnection, genesis: BlockHash): Promise<boolean> {
  return (await connection.rest(`spenttxouts/${genesis}.bin`)).status === 200;
}

/** Nothing where the node does not have the block's undo data, or it is too much to be sent. */
export async function spentScriptsByRest(
  connection: NodeConnection,
  hash: BlockHash,
): Promise<Uint8Array[] | undefined> {
  const reply = await orTooLarge(connection.rest(`spenttxouts/${hash}.bin`));
  if (reply === undefined || reply.status === 404) return undefined;
  if (reply.status !== 200) throw badReply(connection, "rest/spenttxouts", `HTTP status ${reply.status}`);
  return scriptsFrom(connection, "rest/spenttxouts", () => readSpentOutputs(reply.body));
}

/** For each transaction a list of outputs, the coinbase's empty: amount, script. Throws BITCOIN_MALFORMED. */
export function readSpentOutputs(bytes: Uint8Array): Uint8Array[] {
  const reader = new Reader(bytes);
  const scripts: Uint8Array[] = [];
  for (let transactions = reader.compactSize(); transactions > 0; transactions--) {
    for (let outputs = reader.compactSize(); outputs > 0; outputs--) {
      reader.i64();
      scripts.push(reader.varBytes());
    }
  }
  reader.finish();
  return scripts;
}

/** For a node without that path. Nothing where it does not know the block, or its undo data is gone or too much to be sent. */
export async function spentScriptsByRpc(
  connection: NodeConnection,
  hash: BlockHash,
): Promise<Uint8Array[] | undefined> {
  const request = rpcCall(connection, "getblock", [hash, 3], { replyMaxBytes: BLOCK_JSON_MAX_BYTES });
  const value = await orTooLarge(orNothing(orNothing(request, NOT_FOUND), MISC_ERROR));
  if (value === undefined) return undefined;
  const [, ...spending] = checked(connection, "getblock", BlockWithPrevouts, value).tx;
  const prevouts = spending.flatMap(({ vin }) => vin.map(({ prevout }) => prevout));
  if (prevouts.includes(undefined)) return undefined;
  return scriptsFrom(connection, "getblock", () =>
    prevouts.map((prevout) => hexToBytes(prevout?.scriptPubKey.hex ?? "", "a script")),
  );
}

/** What is spent may be far larger than what spends it. A block must not be waited for because of that. */
async function orTooLarge<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (hasCode(error, "NODE_REPLY_TOO_LARGE")) return undefined;
    throw error;
  }
}

function scriptsFrom(connection: NodeConnection, method: string, read: () => Uint8Array[]): Uint8Array[] {
  try {
    return read();
  } catch (error) {
    throw badReply(connection, method, (error as Error).message, error);
  }
}
