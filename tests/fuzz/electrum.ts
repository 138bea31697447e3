/** Hostile clients at the Electrum door, as many as you like: no crash, no wrong answer, nothing left behind, memory flat. */
import { readOptions, refuse } from "../../bench/command/options.ts";
import { ElectrumFuzz } from "../harness/electrum/fuzz.ts";
import { GROWTH_BYTES_MAX, keptBytes, megabytes } from "./command/flat.ts";

const ROUNDS = 20;
/** By then everything has been used once. */
const WARM_ROUNDS = 4;

const HELP = `Usage: npm run fuzz -- electrum [--inputs 100000] [--seed N] [--json]

  --inputs 100000   so many malformed, oversize, deep, slow or half-closed inputs at the Electrum door
  --seed N          the same seed gives the same inputs; printed first
  --json            nothing but the report
`;

const values = readOptions(HELP, {
  inputs: { type: "string", default: "100000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  json: { type: "boolean" },
});
const inputs = Number(values.inputs);
const seed = Number(values.seed);
if (!Number.isSafeInteger(inputs) || inputs < ROUNDS || !Number.isSafeInteger(seed)) {
  refuse(`fuzz electrum: --inputs is a whole number from ${ROUNDS} on, --seed a whole number`, HELP);
}

const say = (line: string) => {
  if (!values.json) process.stdout.write(`${line}\n`);
};

say(`seed ${seed}; again with: npm run fuzz -- electrum --inputs ${inputs} --seed ${seed}`);
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
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
say(isFlat ? "no crash, no wrong answer, nothing left behind, memory flat" : "memory has grown");
process.exitCode = isFlat ? 0 : 1;
