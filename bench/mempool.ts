/** First reading of a full mempool, once more after a restart, and how soon a new transaction is told: `--txs 50000`, over a real bitcoind. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { readKept, writeKept } from "../actors/mempool/store/kept-file.ts";
import { Follower } from "../actors/mempool/sync/follower.ts";
import { progressText } from "../actors/mempool/sync/progress.ts";
import type { Entry } from "../actors/mempool/view/entry.ts";
import { feeHistogram } from "../actors/mempool/view/fee-histogram.ts";
import { miningOrder } from "../actors/mempool/view/mining-order.ts";
import { View } from "../actors/mempool/view/view.ts";
import { bytesToHex, type Txid } from "../bitcoin/bytes.ts";
import { regtest } from "../bitcoin/network.ts";
import { NodeClient } from "../bitcoind/client.ts";
import { nodeSection } from "../bitcoind/config.ts";
import { NodeMempool } from "../bitcoind/questions/mempool.ts";
import { parseSequence } from "../bitcoind/sequence.ts";
import { ZmqSubscriber } from "../bitcoind/zmq.ts";
import { silentLog } from "../bus/fake.ts";
import { systemClock } from "../runtime/clock.ts";
import { findBitcoind, RealNode } from "../tests/harness/node/bitcoind.ts";
import { readOptions, refuse } from "./command/options.ts";
import { crowd } from "./mempool/crowd.ts";
import { type CallMany, mineCoins, send } from "./mempool/fill.ts";

const HELP = `Usage: npm run bench -- mempool [--txs 50000] [--notices 200]

  --txs 50000     unconfirmed transactions that the node is filled with
  --notices 200   transactions sent afterwards, to see how soon each is told

Needs a real bitcoind (BITCOIND, or on the PATH).
`;

const values = readOptions(HELP, {
  txs: { type: "string", default: "50000" },
  notices: { type: "string", default: "200" },
});
const txCount = Number(values.txs);
const noticeCount = Number(values.notices);

const program = findBitcoind();
if (program === undefined) refuse("mempool: needs a real bitcoind; set BITCOIND to one", HELP);
const node = await RealNode.start(program);
try {
  // On regtest a node checks its whole mempool after each transaction: not what is measured here.
  await node.shutDown();
  await node.restore(["-checkmempool=0", "-checkblockindex=0", "-dbcache=300"]);
  process.stdout.write(`${JSON.stringify(await measure(), undefined, 2)}\n`);
} finally {
  await node.stop();
}

async function measure() {
  const fill = stopwatch();
  const coins = await mineCoins(call, 2 * (txCount + noticeCount));
  const txs = [...crowd(coins, txCount + noticeCount)];
  await send(call, txs.slice(0, txCount));
  const fillMs = fill();

  const first = await read(new Map());
  const path = join(mkdtempSync(join(tmpdir(), "troupe-bench-mempool-")), "kept.bin");
  const keeping = stopwatch();
  await writeKept(path, regtest.name, [...first.view.tables.unconfirmed()]);
  const keepMs = keeping();
  const loading = stopwatch();
  const kept = (await readKept(path, regtest.name)) ?? new Map();
  const loadMs = loading();
  rmSync(join(path, ".."), { recursive: true });
  const again = await read(kept);
  const histogram = stopwatch();
  feeHistogram(again.view.tables.unconfirmed());
  const histogramMs = histogram();
  const order = stopwatch();
  miningOrder(again.view.tables);
  const orderMs = order();
  const noticeMs = await notices(
    txs.slice(txCount).map(({ txid, rawTx }) => ({ txid, hex: bytesToHex(rawTx) })),
  );
  return {
    bench: "mempool",
    node: program,
    transactions: first.view.tables.count,
    fillMs,
    firstReadingMs: first.tookMs,
    txsPerSecond: Math.round((1_000 * first.view.tables.count) / first.tookMs),
    ourCpuMs: first.cpuMs,
    nodeCpuMs: first.nodeCpuMs,
    afterRestartMs: loadMs + again.tookMs,
    keepMs,
    histogramMs,
    miningOrderMs: orderMs,
    noticeMs,
    rssMb: Math.round(process.memoryUsage().rss / 1e6),
    loadAverage: loadavg()[0],
  };
}

/** Until level with the node. */
async function read(kept: Map<Txid, Entry>) {
  const { follower, view, client, level } = follow(kept, () => undefined);
  const stop = new AbortController();
  const [cpu, nodeCpuBefore, time] = [process.cpuUsage(), nodeCpuMsNow(), stopwatch()];
  const running = follower.run(stop.signal);
  await Promise.race([level, running]);
  const tookMs = time();
  const { user, system } = process.cpuUsage(cpu);
  stop.abort(new Error("measured"));
  await running.catch(() => {}); // the abort
  await client.close();
  return {
    view,
    tookMs,
    cpuMs: Math.round((user + system) / 1_000),
    nodeCpuMs: nodeCpuMsNow() - nodeCpuBefore,
  };
}

/** From before it is sent to the node until others are told, by ZMQ, with the full mempool in the view. */
async function notices(sent: readonly { readonly txid: Txid; readonly hex: string }[]) {
  const told = new Map<string, () => void>();
  const kept = new Map<Txid, Entry>();
  const { follower, client, level } = follow(kept, (txid) => told.get(txid)?.());
  const stop = new AbortController();
  const running = follower.run(stop.signal);
  await Promise.race([level, running]);
  const subscriber = new ZmqSubscriber({
    url: node.zmqUrl,
    topics: ["sequence"],
    clock: systemClock,
    log: silentLog(),
    onMessage: (_, body) => {
      const event = parseSequence(body);
      if (event !== undefined) follower.hint(event);
    },
    onGap: () => follower.compare(),
  });
  while (!subscriber.isConnected) await new Promise((resolve) => setTimeout(resolve, 10));
  await follower.nextStep();
  const times: number[] = [];
  for (const { txid, hex } of sent) {
    const time = stopwatch();
    const heard = new Promise<void>((resolve) => told.set(txid, resolve));
    await node.rpc("sendrawtransaction", hex);
    await heard;
    times.push(time());
  }
  subscriber.close();
  stop.abort(new Error("measured"));
  await running.catch(() => {}); // the abort
  await client.close();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return { median: at(0.5), p99: at(0.99), max: at(1) };
}

function follow(kept: Map<Txid, Entry>, onAdded: (txid: string) => void) {
  const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
  const client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
  const view = new View();
  let reach: () => void = () => undefined;
  const level = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const follower = new Follower({
    source: new NodeMempool(client),
    view,
    clock: systemClock,
    serialization: regtest.serialization,
    pollMs: () => 10_000,
    memoryBytesMax: Number.MAX_SAFE_INTEGER,
    kept,
    news: {
      changed: (changes) => {
        for (const { added } of changes.parts(view.now)) added.forEach(onAdded);
      },
      progress: (progress) => void process.stderr.write(`${progressText(progress)}\n`),
      level: () => reach(),
    },
  });
  return { follower, view, client, level };
}

async function call(calls: Parameters<CallMany>[0]): Promise<Awaited<ReturnType<CallMany>>> {
  const cookie = Buffer.from(readFileSync(node.cookiePath, "utf8")).toString("base64");
  const response = await fetch(node.rpcUrl, {
    method: "POST",
    headers: { authorization: `Basic ${cookie}` },
    body: JSON.stringify(calls.map((of, id) => ({ jsonrpc: "2.0", id, ...of }))),
  });
  return (await response.json()) as Awaited<ReturnType<CallMany>>;
}

/** Linux only: what the node's process has used, at 100 ticks a second. */
function nodeCpuMsNow(): number {
  const fields = readFileSync(`/proc/${node.pid}/stat`, "utf8").split(" ");
  return 10 * (Number(fields[13]) + Number(fields[14]));
}

function stopwatch(): () => number {
  const startMs = performance.now();
  return () => Math.round((performance.now() - startMs) * 10) / 10;
}
