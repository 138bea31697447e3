/** Coinjoins in a sandbox of its own, 50 in a row with 3, 8 and 20 makers: how long each phase takes, and how many a minute. */
import { loadavg } from "node:os";
import { silentLog } from "../../bus/fake.ts";
import { marketSection } from "../../joinmarket/channel/config.ts";
import { openMarket } from "../../joinmarket/channel/open-market.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import { systemClock } from "../../runtime/clock.ts";
import { CoinjoinBox } from "../../tests/harness/coinjoin/coinjoin-box.ts";
import { Collector } from "../../tests/harness/tracing/collector.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { readOptions, refuse } from "../command/options.ts";
import { cryptoMs, ROUND_TRIPS, roundTripMs } from "./floor.ts";
import { PHASES, tracedJoins } from "./phases.ts";

const HELP = `Usage: npm run bench -- coinjoin [--makers 3,8,20] [--joins 50] [--amount 50000000]

  --makers 3,8,20     with how many makers; each in a sandbox of its own
  --joins 50          so many coinjoins one after the other
  --amount 50000000   satoshi that each mixes

Prints one line of JSON for each number of makers, all times in milliseconds:
  broadcastMs      from the question for offers until our mempool has the transaction
  confirmedMs      until the wallet knows of its block, which is mined at once
  orderbookMs      of it, until the market has answered and the coinjoin is planned
  phases           what the taker's own trace says of each part after that
  floor            what the same machine needs at least: the cryptography of both sides,
                   and the market's round trips when nothing else is done
  promise          0.5 BTC with 3 makers: broadcast within 10 s, confirmed within 20 s
`;

const values = readOptions(HELP, {
  makers: { type: "string", default: "3,8,20" },
  joins: { type: "string", default: "50" },
  amount: { type: "string", default: "50000000" },
});
const sizes = values.makers.split(",").map(Number);
const joins = Number(values.joins);
const amountSat = Number(values.amount);
const isCount = (number: number, most: number) =>
  Number.isSafeInteger(number) && number >= 1 && number <= most;
if (!sizes.every((makers) => isCount(makers, 20)))
  refuse("coinjoin: --makers are numbers from 1 to 20", HELP);
if (!isCount(joins, 60)) refuse("coinjoin: --joins is a number from 1 to 60", HELP);
if (!isCount(amountSat, 100_000_000)) refuse("coinjoin: --amount is satoshi, at most 100000000", HELP);

const PROMISE_MS = { broadcast: 10_000, confirmed: 20_000 };
const FLOOR_ROUNDS = 50;
const LIMIT_MS = 4 * 3_600_000;
/** Of each maker, so that it need not wait for a block before it offers again. */
const COINS_PER_MIXDEPTH = 3;

for (const makers of sizes) process.stdout.write(`${JSON.stringify(await measure(makers))}\n`);

async function measure(makers: number) {
  const collector = await Collector.listen();
  const loadBefore = loadavg()[0] ?? 0;
  const takerCoins = [Array.from({ length: joins + 4 }, () => amountSat + 10_000_000)];
  const makerCoins = Array.from({ length: 3 }, (_, mixdepth) =>
    Array.from({ length: COINS_PER_MIXDEPTH }, () => 2 * amountSat + (2 - mixdepth) * 10_000_000),
  );
  const box = await CoinjoinBox.start({
    makers,
    takerCoins,
    makerCoins,
    limitMs: LIMIT_MS,
    settings: { "telemetry.otlp_endpoint": collector.endpoint },
  });
  try {
    const broadcast: number[] = [];
    const orderbook: number[] = [];
    const confirmed: number[] = [];
    const failures: string[] = [];
    const startMs = performance.now();
    for (let join = 0; join < joins; join++) {
      const beganMs = performance.now();
      const onPlanned = () => void orderbook.push(performance.now() - beganMs);
      const run = await box.join({ makers, makersMin: makers, amountSat }, { onPlanned });
      if (run.phase !== "done" || run.txid === null) {
        failures.push([run.failure?.code ?? run.phase, ...run.faults.map(({ why }) => why)].join("; "));
        continue;
      }
      broadcast.push(performance.now() - beganMs);
      const { txid } = run;
      await box.mine();
      await waitFor("the block", async () => {
        const { entries } = await box.walletd.history({ ...box.own, limit: 5 });
        return entries.some((entry) => entry.txid === txid && entry.height !== null);
      });
      confirmed.push(performance.now() - beganMs);
      await waitFor("the makers' offers", async () => (await box.offering()) === makers);
    }
    const minutes = (performance.now() - startMs) / 60_000;
    const floor = { roundTripMs: await directoryRoundTripMs(box), cryptoMs: median(cryptoMs, makers) };
    await waitFor("the traces", () => collector.named("coinjoin.run").length >= joins);
    const traced = tracedJoins(collector);
    const spread = quantiles(broadcast);
    return {
      bench: "coinjoin",
      makers,
      joins,
      amountSat,
      done: broadcast.length,
      failures,
      joinsPerMinute: Math.round((10 * broadcast.length) / minutes) / 10,
      broadcastMs: spread,
      confirmedMs: quantiles(confirmed),
      orderbookMs: quantiles(orderbook),
      phases: Object.fromEntries(
        PHASES.map((phase) => [phase, quantiles(traced.map(({ phases }) => phases[phase]))]),
      ),
      callsPerJoin: quantiles(traced.map(({ calls }) => calls)),
      floor: {
        ...rounded(floor),
        roundTrips: ROUND_TRIPS,
        totalMs: Math.round(floor.cryptoMs + ROUND_TRIPS * floor.roundTripMs),
      },
      promise: {
        ...PROMISE_MS,
        isKept:
          broadcast.length === joins &&
          spread.max <= PROMISE_MS.broadcast &&
          quantiles(confirmed).max <= PROMISE_MS.confirmed,
      },
      load: { before: loadBefore, after: loadavg()[0] ?? 0 },
    };
  } finally {
    await box.close();
    collector.close();
  }
}

/** By the box's own directory node, between two bots of ours. */
async function directoryRoundTripMs(box: CoinjoinBox): Promise<number> {
  const { root } = await box.tree();
  const doors = [root, ...root.children, ...root.children.flatMap(({ children }) => children)];
  const directory = doors.find(({ id }) => id === "directory")?.doors[0]?.address ?? "";
  const bot = (isMaker: boolean) =>
    openMarket(marketSection.schema.parse({ directories: [directory] }), {
      identity: NickIdentity.random(),
      network: "regtest",
      clock: systemClock,
      log: silentLog(),
      isMaker,
    });
  const [asker, answerer] = [bot(false), bot(true)];
  try {
    return await roundTripMs(asker, answerer, FLOOR_ROUNDS);
  } finally {
    await Promise.all([asker.close(), answerer.close()]);
  }
}

function median(measured: (makers: number) => number, makers: number): number {
  return quantiles(Array.from({ length: 5 }, () => measured(makers))).p50;
}

function quantiles(times: readonly number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function rounded<T extends Record<string, number>>(times: T): T {
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.round(10 * ms) / 10])) as T;
}
