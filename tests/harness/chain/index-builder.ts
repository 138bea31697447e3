/** A program that indexes a chain file with threads until it is done or killed: `<directory> <chain file>`; prints the dump. */

import { dumpOf } from "../../../actors/indexer/store/dump.ts";
import { IndexStore } from "../../../actors/indexer/store/store.ts";
import { Compaction } from "../../../actors/indexer/sync/compaction.ts";
import { PooledWorkbench } from "../../../actors/indexer/sync/pool.ts";
import { ChainSync } from "../../../actors/indexer/sync/sync.ts";
import { ChainFileSource } from "../../../bench/chain/chain-file.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { systemClock } from "../../../runtime/clock.ts";

const [directory, chainFile] = process.argv.slice(2) as [string, string];
const store = new IndexStore({ directory, network: regtest.name, secret: new Uint8Array(16).fill(3) });
const source = await ChainFileSource.open(chainFile);
const bench = new PooledWorkbench(2, (error) => {
  throw error;
});
const compaction = new Compaction({ store, bench, fanIn: 2, sliceBytes: 32_768 });
const sync = new ChainSync({
  store,
  source,
  bench,
  compaction,
  network: regtest,
  clock: systemClock,
  news: {
    // A line for each commit: the test counts how far it came before the kill.
    connected: () => process.stdout.write("block\n"),
    disconnected: () => process.stdout.write("undone\n"),
    jumped: () => {},
    progress: () => process.stdout.write("batch\n"),
  },
  batchBytes: 60_000,
  liveBlocks: 10,
  touchedBlocks: 20,
});
while (await sync.advance(new AbortController().signal)) {
  // until the tip
}
await compaction.finish();
const view = store.snapshot();
process.stdout.write(`${JSON.stringify(dumpOf(view))}\n`);
view.release();
await bench.close();
await store.close();
await source.close();
