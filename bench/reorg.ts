/** From a real node's new tip to the index's news of it: single blocks with and without ZMQ, and reorganisations: `reorg [--txs 500] [--depths 10,100,200]`. */
import { loadavg } from "node:os";
import type { IndexerContext } from "../actors/indexer/actor.ts";
import { RowBuilder } from "../actors/indexer/rows/rows.ts";
import { BLOCKS_AHEAD, NodeSource } from "../actors/indexer/sync/node-source.ts";
import { PooledWorkbench } from "../actors/indexer/sync/pool.ts";
import type { BlockHash } from "../bitcoin/bytes.ts";
import { regtest } from "../bitcoin/network.ts";
import { NodeClient } from "../bitcoind/client.ts";
import { nodeSection } from "../bitcoind/config.ts";
import { indexerContract } from "../bus/contracts/indexer.ts";
import { silentLog } from "../bus/fake.ts";
import { sleep, systemClock } from "../runtime/clock.ts";
import { IndexerUnderTest } from "../tests/harness/indexer/indexer.ts";
import { findBitcoind, RealNode } from "../tests/harness/node/bitcoind.ts";
import { waitFor } from "../tests/harness/wait-for.ts";
import { type SpendableBlock, SpendableChain } from "./chain/spendable-blocks.ts";
import { readOptions, refuse } from "./command/options.ts";

const HELP = `Usage: npm run bench -- reorg [...]

  --txs 500              transactions of each block
  --depths 10,100,200    reorganisations, in blocks
  --blocks 20            single blocks, for the time to their news
  --poll-ms 1000         how often the node is asked when nothing is heard

Needs a real bitcoind (BITCOIND, or on the PATH).
`;

const values = readOptions(HELP, {
  txs: { type: "string", default: "500" },
  depths: { type: "string", default: "10,100,200" },
  blocks: { type: "string", default: "20" },
  "poll-ms": { type: "string", default: "1000" },
});

const THREADS = 2;
const FIRST_BLOCKS = 150;

interface Arrivals {
  /** By block when the news of it came, and how many events there were so far. */
  readonly at: Map<string, { readonly ms: number; readonly events: number }>;
  events: number;
}

class Stand {
  readonly node: RealNode;
  readonly client: NodeClient;
  readonly under: IndexerUnderTest;
  readonly arrivals: Arrivals = { at: new Map(), events: 0 };

  private constructor(node: RealNode, client: NodeClient, under: IndexerUnderTest) {
    this.node = node;
    this.client = client;
    this.under = under;
  }

  /** `isListening`: whether the node's ZMQ is used. */
  static async over(node: RealNode, isListening: boolean): Promise<Stand> {
    const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
    const client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
    const source = new NodeSource({ client, network: regtest, clock: systemClock, ahead: BLOCKS_AHEAD });
    const under = await IndexerUnderTest.make(
      {
        source: (_context: IndexerContext) => ({
          source: isListening ? source.listen() : source,
          close: () => client.close(),
        }),
        workbench: (_threads, onError) => new PooledWorkbench(THREADS, onError),
      },
      { threads: THREADS, batch_mb: 8, poll_ms: Number(values["poll-ms"]), live_blocks: 144 },
    );
    const stand = new Stand(node, client, under);
    const note = ({ hash }: { hash: string }) => {
      stand.arrivals.events += 1;
      stand.arrivals.at.set(hash, { ms: performance.now(), events: stand.arrivals.events });
    };
    await under.asker.onEvent(indexerContract, "block.connected", note);
    await under.asker.onEvent(indexerContract, "block.disconnected", note);
    await under.asker.onEvent(indexerContract, "chain.jumped", note);
    await under.asker.flush();
    await under.start();
    await waitFor("the index to be level", () => under.isReady);
    return stand;
  }

  /** Gives the blocks to the node; resolves with how long after the last the news of it came, and the number of events. */
  async give(blocks: readonly SpendableBlock[]): Promise<{ ms: number; events: number; nodeMs: number }> {
    const last = blocks.at(-1) as SpendableBlock;
    const before = this.arrivals.events;
    // All but the last change nothing: the node's chain has as much work. So the last is the moment.
    for (const { hex } of blocks.slice(0, -1)) await this.node.rpc("submitblock", hex);
    const givenMs = performance.now();
    await this.node.rpc("submitblock", last.hex);
    const tipMs = performance.now();
    await waitFor(`the news of block ${last.height}`, () => this.arrivals.at.has(last.hash));
    const { ms, events } = this.arrivals.at.get(last.hash) as { ms: number; events: number };
    return { ms: Math.max(0, ms - tipMs), events: events - before, nodeMs: tipMs - givenMs };
  }

  /** What no indexer can do without: fetching the blocks and making their rows. */
  async limitMs(blocks: readonly SpendableBlock[]): Promise<number> {
    const { signal } = new AbortController();
    const source = new NodeSource({
      client: this.client,
      network: regtest,
      clock: systemClock,
      ahead: BLOCKS_AHEAD,
    });
    const builder = new RowBuilder();
    const startMs = performance.now();
    const hashes: BlockHash[] = blocks.map(({ hash }) => hash);
    for await (const bytes of source.blocks(hashes, signal)) {
      builder.build({
        bytes,
        starts: Uint32Array.of(0),
        ends: Uint32Array.of(bytes.length),
        firstHeight: 1,
        firstTxNumber: 1,
        serialization: regtest.serialization,
        secret: new Uint8Array(16),
        withTouched: true,
      });
    }
    return performance.now() - startMs;
  }

  async stop(): Promise<void> {
    await this.under.stop();
  }
}

function print(figure: Record<string, unknown>): void {
  const load = Number(loadavg()[0]?.toFixed(1));
  process.stdout.write(`${JSON.stringify({ bench: "reorg", ...figure, load, node: process.version })}\n`);
}

const round = (ms: number) => Math.round(ms * 10) / 10;
const quantile = (sorted: readonly number[], share: number) =>
  round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number);

async function run(path: string): Promise<void> {
  const transactions = Number(values.txs);
  const depths = values.depths.split(",").map(Number);
  const made = new SpendableChain(transactions);
  const node = await RealNode.start(path);
  try {
    const chain = made.blocks(undefined, FIRST_BLOCKS + Math.max(...depths));
    for (const { hex } of chain) await node.rpc("submitblock", hex);
    let tip = chain.at(-1) as SpendableBlock;
    for (const isListening of [false, true]) {
      const stand = await Stand.over(node, isListening);
      const latencies: number[] = [];
      for (let i = 0; i < Number(values.blocks); i++) {
        // Blocks come at any moment between two questions, and not just behind one.
        await sleep(systemClock, (Number(values["poll-ms"]) * i) / Number(values.blocks));
        const [block] = made.blocks(tip, 1) as [SpendableBlock];
        tip = block;
        latencies.push((await stand.give([block])).ms);
      }
      latencies.sort((a, b) => a - b);
      print({
        figure: isListening ? "new block to event, with ZMQ" : "new block to event, polling",
        pollMs: Number(values["poll-ms"]),
        transactions,
        blocks: latencies.length,
        medianMs: quantile(latencies, 0.5),
        p90Ms: quantile(latencies, 0.9),
        maxMs: quantile(latencies, 1),
      });
      if (isListening) {
        for (const depth of depths) {
          let fork: SpendableBlock | undefined = tip;
          for (let i = 0; i < depth; i++) fork = fork?.parent;
          const blocks = made.blocks(fork, depth + 1);
          const { ms, events, nodeMs } = await stand.give(blocks);
          tip = blocks.at(-1) as SpendableBlock;
          const limitMs = await stand.limitMs(blocks);
          print({
            figure: `reorganisation of ${depth} blocks`,
            depth,
            transactions,
            megabytes: round(blocks.reduce((sum, { hex }) => sum + hex.length / 2, 0) / 1e6),
            events,
            ms: round(ms),
            fetchAndParseMs: round(limitMs),
            ratio: round(ms / limitMs),
            nodesOwnMs: round(nodeMs),
          });
        }
      }
      await stand.stop();
    }
  } finally {
    await node.stop();
  }
}

const bitcoind = findBitcoind();
if (bitcoind === undefined) refuse("reorg: needs a real bitcoind; set BITCOIND to one", HELP);
await run(bitcoind);
