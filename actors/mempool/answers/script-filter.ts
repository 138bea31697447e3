/** Makes the filter of all scripts that the view knows, a slice at a time: whoever asks meanwhile is answered. */
import { setImmediate as turn } from "node:timers/promises";
import type { ScriptHash } from "../../../bitcoin/bytes.ts";
import type { Publisher } from "../../../bus/bus.ts";
import { ScriptFilter } from "../../../bus/contracts/mempool/script-filter.ts";
import type { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { View } from "../view/view.ts";

/** Some milliseconds. */
const SCRIPTS_PER_SLICE = 5_000;

/**
 * Confirmed entries that are kept are in it too: that is a script too many, and no harm. What comes while it is made is in it as
 * well, for the table hands out last what came last. While the first reading goes on, of which nothing is told script by
 * script, it says that it has no tip, and nobody may go by it.
 */
export async function filterOf(
  view: View,
  publisher: Pick<Publisher<typeof mempoolContract>, "epoch" | "seq">,
): Promise<Uint8Array> {
  const filter = ScriptFilter.for(view.tables.scriptCount);
  const scripts = view.tables.scriptHashes();
  let isDone = addSome(filter, scripts);
  while (!isDone) {
    await turn();
    isDone = addSome(filter, scripts);
  }
  // In the turn in which its last script was added: no change is between the filter and its place.
  const { epoch, seq } = publisher;
  return filter.packed({ epoch, seq, tipHash: view.isSynced ? (view.now.tip?.hash ?? null) : null });
}

/** True when there are no more. */
function addSome(filter: ScriptFilter, scripts: Iterator<ScriptHash>): boolean {
  for (let i = 0; i < SCRIPTS_PER_SLICE; i++) {
    const { done, value } = scripts.next();
    if (done === true) return true;
    filter.add(value);
  }
  return false;
}
