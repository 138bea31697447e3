/** `npm run chaos -- [args]`: kills parts of a running troupe at random and checks that each comes back; `coinjoin` in the midst of coinjoins. */
import { existsSync } from "node:fs";
import { ROOT, run } from "./process.mjs";
import { main, SetupError, setup } from "./setup.mjs";

await main(async () => {
  await setup();
  const [first, ...rest] = process.argv.slice(2);
  const isCoinjoin = first === "coinjoin";
  const program = `${ROOT}dist/tests/chaos/${isCoinjoin ? "coinjoin" : "chaos"}.js`;
  if (!existsSync(program)) throw new SetupError("This version has no chaos test (tests/chaos/chaos.ts).");
  const { code } = await run(process.execPath, [program, ...(isCoinjoin ? rest : process.argv.slice(2))]);
  return code;
});
