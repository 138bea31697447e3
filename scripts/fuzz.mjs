/** `npm run fuzz -- <name> [args]`: runs one of the fuzzers of `tests/fuzz/`, such as `electrum --inputs 1000000`. */
import { existsSync, readdirSync } from "node:fs";
import { ROOT, run } from "./process.mjs";
import { main, setup } from "./setup.mjs";

await main(async () => {
  const [name = "", ...args] = process.argv.slice(2);
  const known = readdirSync(`${ROOT}tests/fuzz`)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -3));
  if (!known.includes(name)) {
    process.stderr.write(`Usage: npm run fuzz -- <name> [arguments]; there is: ${known.join(", ")}\n`);
    return 2;
  }
  await setup();
  const program = `${ROOT}dist/tests/fuzz/${name}.js`;
  if (!existsSync(program)) throw new Error(`${program} has not been built`);
  const { code } = await run(process.execPath, ["--expose-gc", program, ...args]);
  return code;
});
