/** Hostile clients at the Electrum door, as many as you like: no crash, no wrong answer, nothing left behind, memory flat. */
import { ElectrumFuzz } from "../harness/electrum/fuzz.ts";
import { GROWTH_BYTES_MAX, keptBytes, megabytes } from "./command/flat.ts";
import { readFuzz } from "./command/fuzz-options.ts";

const ROUNDS = 20;
/** By then everything has been used once. */
const WARM_ROUNDS = 4;

const HELP = `Usage: npm run fuzz -- electrum [--inputs 100000] [--seed N] [--json]

  --inputs 100000   so many malformed, oversize, deep, slow or half-closed inputs at the Electrum door
  --seed N          the same seed gives the same inputs; printed first
  --json            nothing but the report
`;

const { inputs, seed, json, say } = readFuzz("electrum", HELP, ROUNDS);
const fuzz = await ElectrumFuzz.start(seed);
const beganMs = performance.now();
let warmBytes = 0;
let mostBytes = 0;
for (let round = 1; round <= ROUNDS; round++) {
  await fuzz.run(inputs / ROUNDS);
  await fuzz.quiet();
  const bytes = keptBytes();
  if (round === WARM_ROUNDS) warmBytes = bytes;
  if (round >= WARM_ROUNDS) mostBytes = Math.max(mostBytes, bytes);
  say(
    `${fuzz.report.inputs} inputs, ${fuzz.report.sessions} sessions, ${fuzz.report.answers} answers, ${megabytes(bytes)} MB kept`,
  );
}
await fuzz.settled();
await fuzz.close();
const lastBytes = keptBytes();
const isFlat = globalThis.gc === undefined || lastBytes - warmBytes < GROWTH_BYTES_MAX;
const report = {
  ...fuzz.report,
  seed,
  seconds: Math.round((performance.now() - beganMs) / 1000),
  warmMegabytes: megabytes(warmBytes),
  mostMegabytes: megabytes(mostBytes),
  lastMegabytes: megabytes(lastBytes),
  rssMegabytes: megabytes(process.memoryUsage.rss()),
  isFlat,
};
if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
say(isFlat ? "no crash, no wrong answer, nothing left behind, memory flat" : "memory has grown");
process.exitCode = isFlat ? 0 : 1;
