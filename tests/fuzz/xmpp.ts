/** Hostile stanzas, streams and greetings at the XMPP door, as many as you like: no crash, the honest answered, nothing booked unasked, memory flat. */
import { readOptions, refuse } from "../../bench/command/options.ts";
import { Progress } from "../chaos/progress.ts";
import { XmppFuzz } from "../harness/xmpp/hostile/xmpp-fuzz.ts";
import { ROUNDS, staysFlat } from "./command/flat.ts";

const HELP = `Usage: npm run fuzz -- xmpp [--inputs 100000] [--seed N]

  --inputs 100000   so many hostile stanzas, floods, broken streams and greetings, as a component of a hostile server
  --seed N          the same seed gives the same inputs; printed first
`;

const values = readOptions(HELP, {
  inputs: { type: "string", default: "100000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
});
const inputs = Number(values.inputs);
const seed = Number(values.seed);
if (!Number.isSafeInteger(inputs) || inputs < ROUNDS || !Number.isSafeInteger(seed)) {
  refuse(`fuzz xmpp: --inputs is a whole number from ${ROUNDS} on, --seed a whole number`, HELP);
}

const say = (line: string) => process.stdout.write(`${line}\n`);
say(`seed ${seed}; again with: npm run fuzz -- xmpp --inputs ${inputs} --seed ${seed}`);
const progress = new Progress(inputs, "inputs", say);
progress.start();
const fuzz = await XmppFuzz.start(seed);
const isFlat = await staysFlat("xmpp", async () => {
  await fuzz.run(inputs / ROUNDS, (count) => progress.step(count));
  const { report } = fuzz;
  return `${report.inputs} inputs, ${report.streams} streams, ${report.answered} answered, ${report.refused} refused`;
});
progress.stop();
await fuzz.close();
say(isFlat ? "no crash, the honest answered, nothing booked unasked, memory flat" : "memory has grown");
process.exitCode = isFlat ? 0 : 1;
