/** Hostile stanzas, streams and greetings at the XMPP door, as many as you like: no crash, the honest answered, nothing booked unasked, memory flat. */
import { Progress } from "../chaos/progress.ts";
import { XmppFuzz } from "../harness/xmpp/hostile/xmpp-fuzz.ts";
import { ROUNDS, staysFlat } from "./command/flat.ts";
import { readFuzz } from "./command/fuzz-options.ts";

const HELP = `Usage: npm run fuzz -- xmpp [--inputs 100000] [--seed N]

  --inputs 100000   so many hostile stanzas, floods, broken streams and greetings, as a component of a hostile server
  --seed N          the same seed gives the same inputs; printed first
`;

const { inputs, seed, say } = readFuzz("xmpp", HELP, ROUNDS);
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
