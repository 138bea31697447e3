/** The conformance suite on every carrier there is. */
import { transportConformance } from "../../tests/harness/transport-conformance.ts";
import { transportOutages } from "../../tests/harness/transport-outages.ts";
import { worlds } from "../../tests/harness/worlds.ts";

for (const maker of worlds) {
  if (maker.missing !== undefined)
    process.stderr.write(`conformance of ${maker.name} skipped: ${maker.missing}\n`);
  transportConformance(maker);
  transportOutages(maker);
}
