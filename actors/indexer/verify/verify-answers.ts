/** The contract's requests about the index itself: what it is made of, and whether it is right. */
import type { Handlers } from "../../../bus/bus.ts";
import type { indexerContract } from "../../../bus/contracts/indexer.ts";
import { TABLES } from "../rows/layout.ts";
import { FORMAT_VERSION } from "../store/format.ts";
import type { IndexStore } from "../store/store.ts";
import { Findings } from "./findings.ts";
import { Verifier, type VerifierOptions } from "./verifier.ts";

export type VerifyHandlers = Pick<Handlers<typeof indexerContract>, "status" | "verifyBlocks" | "verifyRows">;

export function verifyAnswers(options: VerifierOptions, isSynced: () => boolean): VerifyHandlers {
  const { store, network } = options;
  const verifier = new Verifier(options);
  return {
    status: () => ({ network: network.name, ...statusOf(store), isSynced: isSynced() }),
    verifyBlocks: async (job, { signal }) => {
      const findings = new Findings();
      const { sums, ...rest } = await verifier.blocks(job, findings, signal);
      const rows = sums.map((sum) => sum.rows);
      return { ...rest, rows, sums: sums.map(({ text }) => text), ...findings.answer };
    },
    verifyRows: ({ table, from, starts, txNumberEnd }) => {
      const findings = new Findings();
      const t = TABLES.findIndex(({ name }) => name === table);
      const { to, sums } = verifier.slice({ table: t, from, starts, txNumberEnd }, findings);
      return {
        to,
        rows: sums.map((sum) => sum.rows),
        sums: sums.map(({ text }) => text),
        ...findings.answer,
      };
    },
  };
}

function statusOf(store: IndexStore) {
  const view = store.snapshot();
  try {
    const { height, tipHash, txCount, rollbacks, runs, merge, dropped } = view.state;
    const all = merge === undefined ? runs : [...runs, ...merge.sources];
    return {
      formatVersion: FORMAT_VERSION,
      tip: tipHash === undefined ? null : { height, hash: tipHash },
      txCount,
      rollbacks,
      sizeBytes: store.sizeBytes,
      placedBlocks: view.placedBlocks(),
      runs: all
        .toSorted((a, b) => a.txNumberFirst - b.txNumberFirst)
        .map(({ level, txNumberFirst, txNumberEnd, blocks }) => ({
          level,
          transactions: txNumberEnd - txNumberFirst,
          packedBlocks: blocks.reduce((sum, count) => sum + count, 0),
        })),
      isMerging: merge !== undefined,
      droppedRuns: dropped.length,
    };
  } finally {
    view.release();
  }
}
