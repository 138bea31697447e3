/** Hostile lines on IRC and hostile frames at our directory node, as many as you like: no crash, nobody unheard, memory flat. */
import { DirectoryFuzz, IrcFuzz } from "../harness/joinmarket/hostile/market-fuzz.ts";
import { ROUNDS, staysFlat } from "./command/flat.ts";
import { readFuzz } from "./command/fuzz-options.ts";

const HELP = `Usage: npm run fuzz -- market [--inputs 100000] [--seed N]

  --inputs 100000   so many hostile lines on IRC, and so many hostile frames at our directory node
  --seed N          the same seed gives the same inputs; printed first
`;

const { inputs, seed, say } = readFuzz("market", HELP, ROUNDS);
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
