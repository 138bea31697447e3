/** The first block of each network, put together from the few facts in `network.ts`. */

import { type BlockHash, concatBytes, hexToBytes } from "../bytes.ts";
import type { Network } from "../network.ts";
import { OP_CHECKSIG } from "../script/opcodes.ts";
import { compileScript, pushBytes } from "../script/script.ts";
import { FINAL_SEQUENCE, NULL_INDEX, type Transaction } from "../transaction.ts";
import { type Block, serializeBlock, txidLeavesOf } from "./block.ts";
import { merkleRoot } from "./merkle.ts";

/** What stands before the message in every genesis coinbase: the easiest bits, and the number 4. */
const COINBASE_HEAD = "04ffff001d0104";

/** The block itself; its coinbase pays to nobody, because no node ever kept that coin. */
export function genesisBlock(network: Network): Block {
  const { message, publicKey, timeS, bits, nonce } = network.genesis;
  const coinbase: Transaction = {
    version: 1,
    inputs: [
      {
        previousTxidBytes: new Uint8Array(32),
        previousIndex: NULL_INDEX,
        scriptSig: concatBytes(hexToBytes(COINBASE_HEAD), pushBytes(Buffer.from(message, "utf8"))),
        sequence: FINAL_SEQUENCE,
        witness: [],
      },
    ],
    outputs: [
      {
        amountSat: network.money.firstSubsidySat,
        scriptPubKey: compileScript([hexToBytes(publicKey), OP_CHECKSIG]),
      },
    ],
    locktime: 0,
  };
  const header = {
    version: 1,
    previousHash: "00".repeat(32) as BlockHash,
    merkleRootBytes: merkleRoot(txidLeavesOf([coinbase])),
    timeS,
    bits,
    nonce,
  };
  return { header, transactions: [coinbase] };
}

export function genesisBlockBytes(network: Network): Uint8Array {
  return serializeBlock(genesisBlock(network));
}
