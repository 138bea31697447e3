/** Hostile lines on IRC and hostile frames at our directory node, as many as you like: no crash, nobody unheard, memory flat. */
import { readOptions, refuse } from "../../bench/command/options.ts";
import { DirectoryFuzz, IrcFuzz } from "../harness/joinmarket/hostile/market-fuzz.ts";

/** What stays after a collection may differ by so much: caches of the engine, connections that are just closing. */
const GROWTH_BYTES_MAX = 32 * 1024 * 1024;
const ROUNDS = 10;
/** By then everything has been used once. */
const WARM_ROUND = 3;

const HELP = `Usage: npm run fuzz -- market [--inputs 100000] [--seed N]

  --inputs 100000   so many hostile lines on IRC, and so many hostile frames at our directory node
  --seed N          the same seed gives the same inputs; printed first
`;

const values = readOptions(HELP, {
  inputs: { type: "string", default: "100000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
});
const inputs = Number(values.inputs);
const seed = Number(values.seed);
if (!Number.isSafeInteger(inputs) || inputs < ROUNDS || !Number.isSafeInteger(seed)) {
  refuse(`fuzz market: --inputs is a whole number from ${ROUNDS} on, --seed a whole number`, HELP);
}

function keptBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const megabytes = (bytes: number) => Math.round(bytes / 1024 / 1024);

async function flat(name: string, round: () => Promise<unknown>): Promise<boolean> {
  let warmBytes = 0;
  for (let number = 1; number <= ROUNDS; number++) {
    const progress = await round();
    const bytes = keptBytes();
    if (number === WARM_ROUND) warmBytes = bytes;
    say(`${name}: ${progress}, ${megabytes(bytes)} MB kept`);
  }
  return globalThis.gc === undefined || keptBytes() - warmBytes < GROWTH_BYTES_MAX;
}

say(`seed ${seed}; again with: npm run fuzz -- market --inputs ${inputs} --seed ${seed}`);
const irc = await IrcFuzz.start(seed);
const isIrcFlat = await flat("irc", async () => {
  await irc.run(inputs / ROUNDS);
  return `${irc.inputs} lines`;
});
await irc.close();
const directory = await DirectoryFuzz.start(seed);
const isDirectoryFlat = await flat("directory", async () => {
  await directory.run(inputs / ROUNDS);
  await directory.quiet();
  return `${directory.inputs} frames, ${directory.sessions} sessions`;
});
await directory.close();
const isFlat = isIrcFlat && isDirectoryFlat;
say(isFlat ? "no crash, nobody unheard, nothing left behind, memory flat" : "memory has grown");
process.exitCode = isFlat ? 0 : 1;
