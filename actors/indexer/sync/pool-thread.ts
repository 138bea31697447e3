/** One thread of the workbench's pool. */
import { move, transferableSymbol, valueSymbol } from "piscina";
import { BlockReader } from "../../../bitcoind/files/block-reader.ts";
import { toWireError } from "../../../runtime/errors.ts";
import { RunMerger } from "../rows/merge.ts";
import { RowBuilder } from "../rows/rows.ts";
import type { PoolReply, PoolTask } from "./pool.ts";
import { buildRows, mergeRuns } from "./workbench.ts";

// This module is a thread's whole life: what it makes, it makes for the thread.
const builder = new RowBuilder();
const reader = new BlockReader();
const merger = new RunMerger();

export default function run(task: PoolTask): object {
  try {
    if (task.kind === "build") {
      const rows = buildRows(builder, reader, task.job);
      const { headers, hashes, txids, offsets, tables, touched } = rows;
      return moved({ kind: "rows", rows }, [
        headers,
        hashes,
        txids,
        offsets,
        ...tables.map(({ bytes }) => bytes),
        ...touched,
      ]);
    }
    const packed = mergeRuns(merger, task.job);
    return moved({ kind: "packed", packed }, [packed.bytes]);
  } catch (error) {
    return moved({ kind: "failed", error: toWireError(error) }, []);
  }
}

function moved(reply: PoolReply, arrays: readonly ArrayBufferView[]): object {
  const buffers = arrays.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength > 0);
  return move({ [transferableSymbol]: buffers, [valueSymbol]: reply } as never) as object;
}
