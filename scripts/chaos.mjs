/** `npm run chaos -- [args]`: kills parts of a running troupe at random and checks that each comes back. */
import { existsSync } from "node:fs";
import { ROOT, run } from "./process.mjs";
import { main, SetupError, setup } from "./setup.mjs";

await main(async () => {
  await setup();
  const program = `${ROOT}dist/tests/chaos/chaos.js`;
  if (!existsSync(program)) throw new SetupError("This version has no chaos test (tests/chaos/chaos.ts).");
  const { code } = await run(process.execPath, [program, ...process.argv.slice(2)]);
  return code;
});
