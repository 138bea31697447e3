/** A world of money that stands still: a recorded chain in place of the model's own. */

import { blockHashOf } from "../../../bitcoin/block/header.ts";
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { p2wpkhScript } from "../../../bitcoin/script/script.ts";
import { parseTransaction } from "../../../bitcoin/transaction.ts";
import { MoneyWorld } from "./money-world.ts";

/** The model begins with blocks of its own, whose coins go somewhere. */
const NOBODYS = p2wpkhScript(new Uint8Array(20).fill(1));

export interface RecordedBlock {
  readonly header: string;
  /** Those that somebody signed. */
  readonly transactions: readonly string[];
}

export function recordedWorld(blocks: readonly RecordedBlock[]): MoneyWorld {
  const money = new MoneyWorld(() => 0.5, [NOBODYS]);
  money.node.blocks = blocks.map(({ header, transactions }) => {
    const bytes = hexToBytes(header);
    return {
      hash: blockHashOf(bytes),
      bytes,
      transactions: transactions.map((raw) => parseTransaction(hexToBytes(raw), regtest.serialization)),
    };
  });
  return money;
}
