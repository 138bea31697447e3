/** The sandbox's RPC methods that mine, take blocks, turn the chain back, and speak of the node itself. */

import { parseBlock, serializeBlock } from "../../../bitcoin/block/block.ts";
import { bytesToHex, type Txid } from "../../../bitcoin/bytes.ts";
import { BitcoinError } from "../../../bitcoin/errors.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { parseTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import { mineBlock, mineExactly } from "../miner.ts";
import { RPC_CODE, RpcRefusal, RuleBroken } from "../refusal.ts";
import { type Arguments, decodeOrRefuse } from "./arguments.ts";
import { type CallTable, call, type SandboxParts } from "./calls.ts";
import { entryOf } from "./chain-calls.ts";

const GENERATED_MAX_BLOCKS = 10_000;
const TXID_LENGTH = 64;
/** What the sandbox says of itself; clients ask for at least some version. */
const VERSION = 290_000;

export const miningCalls: CallTable = Object.freeze({
  generatetoaddress: call("nblocks address maxtries", generateToAddress),
  generateblock: call("output transactions submit", generateBlock),
  submitblock: call("hexdata dummy", ({ chain }, given) => {
    const block = decodeOrRefuse(given.text(0), parseBlock, "Block decode failed");
    return chain.accept(serializeBlock(block)) ?? null;
  }),
  invalidateblock: call("blockhash", ({ chain }, given) => {
    const entry = entryOf(chain, given.hash(0));
    if (entry.parent === undefined)
      throw new RpcRefusal(RPC_CODE.misc, "The first block cannot be taken out");
    chain.invalidate(entry);
    return null;
  }),
  reconsiderblock: call("blockhash", ({ chain }, given) => {
    chain.reconsider(entryOf(chain, given.hash(0)));
    return null;
  }),
  getnetworkinfo: call("", () => ({
    version: VERSION,
    subversion: "/Troupe sandbox:0.1.0/",
    protocolversion: 70016,
    localrelay: false,
    timeoffset: 0,
    networkactive: false,
    connections: 0,
    connections_in: 0,
    connections_out: 0,
    networks: [],
    relayfee: 0.000001,
    incrementalfee: 0.000001,
    localaddresses: [],
    warnings: [],
  })),
  stop: call("", ({ requestStop }) => {
    requestStop();
    return "Troupe sandbox stopping";
  }),
});

/** The script an address stands for, or Bitcoin Core's complaint. */
function payToScript(address: string, network: Network): Uint8Array {
  try {
    return scriptOfAddress(address, network);
  } catch (error) {
    if (!(error instanceof BitcoinError)) throw error;
    throw new RpcRefusal(RPC_CODE.addressOrKey, "Error: Invalid address");
  }
}

function generateToAddress({ chain, mempool, clock, network }: SandboxParts, given: Arguments): unknown {
  const count = given.whole(0);
  if (count < 0 || count > GENERATED_MAX_BLOCKS) {
    throw new RpcRefusal(RPC_CODE.invalidParameter, `nblocks must be between 0 and ${GENERATED_MAX_BLOCKS}`);
  }
  const payTo = payToScript(given.text(1), network);
  const hashes: string[] = [];
  for (let i = 0; i < count; i++) hashes.push(mineBlock(chain, mempool, clock, payTo).hash);
  return hashes;
}

function generateBlock({ chain, mempool, clock, network }: SandboxParts, given: Arguments): unknown {
  const payTo = payToScript(given.text(0), network);
  const transactions = given.texts(1).map((text): Transaction => {
    if (text.length !== TXID_LENGTH) {
      return decodeOrRefuse(
        text,
        parseTransaction,
        `Transaction decode failed for ${text.slice(0, 200)}. Make sure the tx has at least one input.`,
      );
    }
    const entry = mempool.get(text.toLowerCase() as Txid);
    if (entry === undefined)
      throw new RpcRefusal(RPC_CODE.addressOrKey, `Transaction ${text} not in mempool.`);
    return entry.transaction;
  });
  const isSubmitted = given.flag(2, true);
  try {
    const mined = mineExactly(chain, clock, payTo, transactions, isSubmitted);
    return isSubmitted ? { hash: mined.hash } : { hash: mined.hash, hex: bytesToHex(mined.bytes) };
  } catch (error) {
    if (!(error instanceof RuleBroken)) throw error;
    throw new RpcRefusal(RPC_CODE.verify, `TestBlockValidity failed: ${error.message}`);
  }
}
