/** How soon small questions are answered while a very long history is asked for, and how soon its status after a block: end to end. `history --help` says how. */
import { once } from "node:events";
import { loadavg } from "node:os";
import { Worker } from "node:worker_threads";
import { Randomness } from "./chain/randomness.ts";
import { round, spread } from "./command/figures.ts";
import { readOptions, refuse } from "./command/options.ts";
import { LineClient } from "./electrum/line-client.ts";
import type { LongFigures, LongOrder } from "./electrum/long-asker.ts";
import { LongScript } from "./electrum/long-script.ts";
import { OwnServer } from "./electrum/own-server.ts";

const HELP = `Usage: npm run bench -- history [...]

  --entries 100000     transactions of the long script
  --seconds 5          for each figure
  --connections 16     each with one small question under way: a balance or a history of one or two entries
  --blocks 5           blocks that add to the long script, to see how soon its status is told
  --seed 1

All of Troupe is started beside a real bitcoind (BITCOIND, or on the PATH), each in its own process. Small questions are
asked at rest, then beside each long one; while one is asked the script is touched by a block each second ("cold"), so that no
answer is at hand. One line of JSON for each figure, times in milliseconds.
`;

const values = readOptions(HELP, {
  entries: { type: "string", default: "100000" },
  seconds: { type: "string", default: "5" },
  connections: { type: "string", default: "16" },
  blocks: { type: "string", default: "5" },
  seed: { type: "string", default: "1" },
});
const random = new Randomness(Number(values.seed));

function say(figure: object): void {
  process.stdout.write(
    `${JSON.stringify({ bench: "history", ...figure, load: round(loadavg()[0] ?? 0) })}\n`,
  );
}

async function smallQuestions(clients: readonly LineClient[], scripts: readonly string[]) {
  const times: number[] = [];
  const endMs = performance.now() + Number(values.seconds) * 1_000;
  const lane = async (client: LineClient): Promise<void> => {
    while (performance.now() < endMs) {
      const scripthash = scripts[Math.floor(random.fraction() * scripts.length)] as string;
      const method = random.fraction() < 0.5 ? "get_balance" : "get_history";
      const startMs = performance.now();
      await client.call(`blockchain.scripthash.${method}`, [scripthash]);
      times.push(performance.now() - startMs);
      // A steady crowd and not as many as it can take: the wait is what counts.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(clients.map(lane));
  return { asked: times.length, smallMs: spread(times) };
}

async function run(own: OwnServer, long: LongScript): Promise<void> {
  const { host, port } = own;
  const connections = Number(values.connections);
  const clients = await Promise.all(Array.from({ length: connections }, () => LineClient.open(host, port)));
  await smallQuestions(clients, long.small);
  say({ figure: "at rest", connections, ...(await smallQuestions(clients, long.small)) });
  for (const method of ["get_history", "subscribe", "listunspent"]) {
    for (const isCold of [false, true]) {
      const order: LongOrder = {
        host,
        port,
        method: `blockchain.scripthash.${method}`,
        scripthash: long.scripthash,
      };
      const asker = new Worker(new URL("./electrum/long-asker.js", import.meta.url), { workerData: order });
      const touching = isCold ? setInterval(() => void long.addBlock(own.call, 1), 1_000) : undefined;
      const figures = await smallQuestions(clients, long.small);
      clearInterval(touching);
      asker.postMessage("stop");
      const [{ timesMs, bytes, errors }] = (await once(asker, "message")) as [LongFigures];
      const first = isCold ? {} : { firstMs: round(timesMs[0] ?? 0) };
      const longFigures = { longAsked: timesMs.length, ...first, longMs: spread(timesMs), bytes, errors };
      say({ figure: `beside ${method}`, state: isCold ? "cold" : "warm", ...figures, ...longFigures });
    }
  }
  await news(own, long);
  for (const client of clients) client.close();
}

/** From the block's answer at the node until the new status is here. */
async function news(own: OwnServer, long: LongScript): Promise<void> {
  let told: () => void = () => undefined;
  const client = await LineClient.open(own.host, own.port, (line) => {
    if (line.includes("scripthash.subscribe")) told();
  });
  await client.call("blockchain.scripthash.subscribe", [long.scripthash]);
  const times: number[] = [];
  for (let i = 0; i < Number(values.blocks); i++) {
    const heard = new Promise<void>((resolve) => {
      told = resolve;
    });
    await long.addBlock(own.call, 3);
    const startMs = performance.now();
    await heard;
    times.push(performance.now() - startMs);
  }
  say({ figure: "status after a block", blocks: times.length, ms: spread(times) });
  client.close();
}

const long = new LongScript();
const entries = Number(values.entries);
const own = await OwnServer.start((call) => long.fill(call, entries));
if (own === undefined) refuse("history: needs a real bitcoind; set BITCOIND to one", HELP);
try {
  await run(own, long);
} finally {
  await own.close();
}
