/** Hostile stanzas, streams and greetings at the XMPP door, as many as you like: no crash, the honest answered, nothing booked unasked, memory flat. */
import { Progress } from "../chaos/progress.ts";
import { ACCOUNT, COMPONENT } from "../harness/xmpp/hostile/attacked.ts";
import { XmppFuzz } from "../harness/xmpp/hostile/xmpp-fuzz.ts";
import { ROUNDS, staysFlat } from "./command/flat.ts";
import { readFuzz } from "./command/fuzz-options.ts";

const HELP = `Usage: npm run fuzz -- xmpp [--inputs 100000] [--seed N]

  --inputs 100000   so many hostile stanzas, floods, broken streams and greetings, as a component of a hostile server
  --seed N          the same seed gives the same inputs; printed first

Half of them come to the door as a component, half to the door as an account.
`;

const { inputs, seed, say } = readFuzz("xmpp", HELP, ROUNDS);
const progress = new Progress(inputs, "inputs", say);
progress.start();
const doors = [await XmppFuzz.start(seed, COMPONENT), await XmppFuzz.start(seed, ACCOUNT)];
const isFlat = await staysFlat("xmpp", async () => {
  const said: string[] = [];
  for (const fuzz of doors) {
    await fuzz.run(inputs / ROUNDS / doors.length, (count) => progress.step(count));
    const { report } = fuzz;
    said.push(
      `${report.inputs} inputs, ${report.streams} streams, ${report.answered} answered, ${report.refused} refused`,
    );
  }
  return `as a component ${said[0]}; as an account ${said[1]}`;
});
progress.stop();
for (const fuzz of doors) await fuzz.close();
say(isFlat ? "no crash, the honest answered, nothing booked unasked, memory flat" : "memory has grown");
process.exitCode = isFlat ? 0 : 1;
