/** The simulator's command: random schedules of coinjoins with fake time and lying peers, each held to what may never happen. */
import { readFileSync } from "node:fs";
import { readOptions, refuse } from "../../bench/command/options.ts";
import { Progress } from "../chaos/progress.ts";
import { Simulator } from "./simulator.ts";

const HELP = `Usage: npm run simulate -- [--schedules 10000] [--seed N] [--from 0] [--json]

  --schedules 10000   so many schedules: coinjoins with random wallets, offers and amounts, among peers that
                      lie, fall silent, delay, repeat, reorder and garble, with restarts in between
  --seed N            the same seed gives the same schedules; printed first
  --from 0            the number of the first; a violation names its own

Ends with 1 when an owner lost more than was agreed, a coin stays set aside, a commitment was used twice, or
a coinjoin failed without a reason. Its files go into the system's directory for temporary ones: TMPDIR=/dev/shm
spares the disk.
`;

const values = readOptions(HELP, {
  schedules: { type: "string", default: "10000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  json: { type: "boolean" },
  from: { type: "string", default: "0" },
});
const schedules = Number(values.schedules);
const seed = Number(values.seed);
const from = Number(values.from);
if (
  ![schedules, seed, from].every((number) => Number.isSafeInteger(number) && number >= 0) ||
  schedules === 0
) {
  refuse("simulate: --schedules, --seed and --from are whole numbers", HELP);
}

const startedMs = performance.now();
const ends: Record<string, number> = {};
const violations: string[] = [];
const simulator = new Simulator(seed);
const progress = new Progress(schedules, "schedules", (line) => process.stderr.write(`${line}\n`));
process.stderr.write(`seed ${seed}\n`);
progress.start();
for (let number = from; number < from + schedules; number++) {
  const outcome = await simulator.run(number);
  ends[outcome.end] = (ends[outcome.end] ?? 0) + 1;
  violations.push(...outcome.violations);
  for (const violation of outcome.violations) process.stderr.write(`${violation}\n`);
  progress.step();
}
await simulator.end();
progress.stop();
const seconds = Math.round((performance.now() - startedMs) / 1_000);
const report = {
  schedules,
  seed,
  from,
  ends: Object.fromEntries(Object.entries(ends).sort(([, a], [, b]) => b - a)),
  violations,
  passed: violations.length === 0,
  seconds,
  perSecond: Math.round((10 * schedules) / Math.max(1, seconds)) / 10,
  load: readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" "),
};
process.stdout.write(`${JSON.stringify(report, undefined, values.json ? 0 : 2)}\n`);
process.exitCode = violations.length === 0 ? 0 : 1;
