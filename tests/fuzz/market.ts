/** Hostile lines on IRC and hostile frames at our directory node, as many as you like: no crash, nobody unheard, memory flat. */
import { readOptions, refuse } from "../../bench/command/options.ts";
import { DirectoryFuzz, IrcFuzz } from "../harness/joinmarket/hostile/market-fuzz.ts";
import { ROUNDS, staysFlat } from "./command/flat.ts";

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

const say = (line: string) => process.stdout.write(`${line}\n`);
say(`seed ${seed}; again with: npm run fuzz -- market --inputs ${inputs} --seed ${seed}`);
const irc = await IrcFuzz.start(seed);
const isIrcFlat = await staysFlat("irc", async () => {
  await irc.run(inputs / ROUNDS);
  return `${irc.inputs} lines`;
});
await irc.close();
const directory = await DirectoryFuzz.start(seed);
const isDirectoryFlat = await staysFlat("directory", async () => {
  await directory.run(inputs / ROUNDS);
  await directory.quiet();
  return `${directory.inputs} frames, ${directory.sessions} sessions`;
});
await directory.close();
const isFlat = isIrcFlat && isDirectoryFlat;
say(isFlat ? "no crash, nobody unheard, nothing left behind, memory flat" : "memory has grown");
process.exitCode = isFlat ? 0 : 1;
