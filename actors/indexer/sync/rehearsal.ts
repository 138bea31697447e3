/** A rehearsal of the next block with one of the last: the first to come shall not find code that has never run. */
import { blockHashFromBytes } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { IndexStore } from "../store/store.ts";
import { hashesOf, joined, touchedHashes } from "../touched.ts";
import type { BlockSource } from "./block-source.ts";
import type { Workbench } from "./workbench.ts";

export interface RehearsalParts {
  readonly store: IndexStore;
  readonly source: Pick<BlockSource, "blocks" | "spentScripts">;
  readonly bench: Workbench;
  readonly network: Network;
  readonly clock: Clock;
}

/** The largest of so many blocks below the tip is taken. */
const RECENT_BLOCKS = 144;
/** After so many passes in each thread nothing is compiled any more; on a busy machine it is left at fewer. */
const PASSES_MAX = 24;
const WITHIN_MS = 2_000;

/** Makes the rows of a block of the chain as if it came now, in each thread, and drops them. Throws what the source throws. */
export async function rehearse(parts: RehearsalParts, signal: AbortSignal): Promise<void> {
  const { store, source, bench, network, clock } = parts;
  const { height } = store.state;
  if (height < 0) return;
  const untilMs = clock.monotonicMs() + WITHIN_MS;
  const largest = largestBelow(store, height);
  for await (const block of source.blocks([largest.hash], signal)) {
    const spent = (await source.spentScripts(largest.hash, signal)) ?? [];
    const buildOnce = () => {
      const bytes = Uint8Array.from(block);
      return bench.build({
        bytes,
        starts: Uint32Array.of(0),
        ends: Uint32Array.of(bytes.length),
        firstHeight: largest.height,
        firstTxNumber: largest.txNumber,
        serialization: network.serialization,
        secret: store.secret,
        withTouched: true,
      });
    };
    for (let pass = 0; pass < PASSES_MAX && clock.monotonicMs() < untilMs; pass++) {
      signal.throwIfAborted();
      const [rows] = await Promise.all(Array.from({ length: bench.width }, buildOnce));
      touchedHashes(joined(rows?.touched[0] ?? new Uint8Array(0), hashesOf(spent)));
    }
  }
}

function largestBelow(store: IndexStore, tipHeight: number) {
  const view = store.snapshot();
  try {
    const from = Math.max(0, tipHeight + 1 - RECENT_BLOCKS);
    let before = view.txCountThrough(from - 1);
    let largest = { height: from, txNumber: before, count: 0 };
    view.counts(from, tipHeight + 1 - from).forEach((through, i) => {
      const count = Number(through) - before;
      if (count >= largest.count) largest = { height: from + i, txNumber: before, count };
      before = Number(through);
    });
    return { ...largest, hash: blockHashFromBytes(sha256d(view.headers(largest.height, 1))) };
  } finally {
    view.release();
  }
}
