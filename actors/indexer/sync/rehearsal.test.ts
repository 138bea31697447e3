import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { MODEL_SCRIPT_HASHES, ModelChain, ModelSource } from "../../../tests/harness/chain/model-chain.ts";
import { IndexerUnderTest } from "../../../tests/harness/indexer/indexer.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import type { RowsJob, RowsResult } from "../rows/rows.ts";
import { InlineWorkbench, type StoredRowsJob, type Workbench } from "./workbench.ts";

/** Notes which blocks' rows were made. */
class NotingWorkbench extends InlineWorkbench implements Workbench {
  readonly jobs: { readonly firstHeight: number; readonly firstTxNumber: number; readonly blocks: number }[] =
    [];
  override readonly hasThreads: boolean;

  constructor(hasThreads: boolean) {
    super();
    this.hasThreads = hasThreads;
  }

  override build(job: RowsJob | StoredRowsJob): Promise<RowsResult> {
    const { firstHeight, firstTxNumber } = job;
    this.jobs.push({ firstHeight, firstTxNumber, blocks: "ends" in job ? job.ends.length : 0 });
    return super.build(job);
  }
}

/** Notes of which blocks it was asked what they spend. */
class NotingSource extends ModelSource {
  readonly #fetched: (hash: string) => void;

  constructor(chain: ModelChain, fetched: (hash: string) => void) {
    super(chain);
    this.#fetched = fetched;
  }

  override spentScripts(hash: BlockHash): Promise<readonly Uint8Array[]> {
    this.#fetched(hash);
    return super.spentScripts(hash);
  }
}

const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function levelIndexer(chain: ModelChain, bench: NotingWorkbench, fetched: (hash: string) => void) {
  const source = new NotingSource(chain, fetched);
  const under = await IndexerUnderTest.make({
    source: () => ({ source, close: async () => {} }),
    workbench: () => bench,
  });
  opened.push(() => under.stop());
  await under.start();
  await waitFor("the index to be level", () => under.isReady);
  return under;
}

function chainOf(blocks: number): ModelChain {
  const random = new Randomness(7);
  const chain = new ModelChain(() => random.fraction());
  for (let i = 0; i < blocks; i++) chain.mine(6);
  return chain;
}

describe("the next block, when the index is level for the first time", () => {
  it("is rehearsed with the largest of the last ones, of which nothing stays", async () => {
    const chain = chainOf(20);
    const counts = chain.blocks.map(({ transactions }) => transactions.length);
    const largest = counts.lastIndexOf(Math.max(...counts));
    const before = counts.slice(0, largest).reduce((sum, count) => sum + count, 0);
    const bench = new NotingWorkbench(true);
    const fetched: string[] = [];
    const under = await levelIndexer(chain, bench, (hash) => fetched.push(hash));

    const rehearsals = () =>
      bench.jobs.filter((job) => job.blocks === 1 && job.firstHeight === largest && largest > 0);
    await waitFor("a rehearsal", () => rehearsals().length > 1);
    expect(rehearsals()[0]).toEqual({ firstHeight: largest, firstTxNumber: before, blocks: 1 });
    expect(fetched).toEqual([chain.blocks[largest]?.hash]);
    const indexer = under.asker.client(indexerContract);
    expect((await indexer.tip({})).tip).toMatchObject({ height: 20, hash: chain.blocks[20]?.hash });

    chain.mine(6);
    await waitFor("the next block", async () => (await indexer.tip({})).tip?.height === 21);
    const scripthashes = [...MODEL_SCRIPT_HASHES].slice(0, 4);
    expect((await indexer.histories({ scripthashes })).results).toEqual(
      scripthashes.map((hash) => chain.history(hash)),
    );
  });

  it("is not rehearsed where that would hold up the indexer itself", async () => {
    const fetched: string[] = [];
    const under = await levelIndexer(chainOf(5), new NotingWorkbench(false), (hash) => fetched.push(hash));
    await under.asker.client(indexerContract).tip({});

    expect(fetched).toEqual([]);
  });
});
