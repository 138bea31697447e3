/** A program that indexes a chain file with threads until it is done or killed: `<directory> <chain file>`; prints the dump. */
import { dumpOf } from "../../../actors/indexer/store/dump.ts";
import { ChainFileSource } from "../../../bench/chain/chain-file.ts";
import { FirstSync } from "../../../bench/sync/first-sync.ts";
import { regtest } from "../../../bitcoin/network.ts";

const [directory, chainFile] = process.argv.slice(2) as [string, string];
const source = await ChainFileSource.open(chainFile);
const sync = new FirstSync({
  directory,
  source,
  network: regtest,
  threads: 2,
  batchBytes: 60_000,
  fanIn: 2,
  bulkFanIn: 3,
  sliceBytes: 32_768,
  liveBlocks: 10,
  touchedBlocks: 20,
  secret: new Uint8Array(16).fill(3),
  news: {
    // A line for each commit: the test counts how far it came before the kill.
    connected: () => process.stdout.write("block\n"),
    disconnected: () => process.stdout.write("undone\n"),
    jumped: () => {},
    progress: () => process.stdout.write("batch\n"),
  },
});
await sync.index();
await sync.merge();
const view = sync.store.snapshot();
process.stdout.write(`${JSON.stringify(dumpOf(view))}\n`);
view.release();
await sync.close();
await source.close();
