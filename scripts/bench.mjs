/** `npm run bench -- <name> [args]`: runs one benchmark of `bench/`; without a name it lists them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, run } from "./process.mjs";
import { main, setup } from "./setup.mjs";

/** The benchmarks and the sentence on top of each file. */
function benchmarks() {
  const directory = join(ROOT, "bench");
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => {
      const [firstLine = ""] = readFileSync(join(directory, file), "utf8").split("\n");
      return { name: file.slice(0, -3), caption: firstLine.replace(/^\/\*\*\s*|\s*\*\/$/g, "") };
    });
}

function usage(known) {
  const width = Math.max(0, ...known.map(({ name }) => name.length));
  const lines = known.map(({ name, caption }) => `  ${name.padEnd(width)}  ${caption}`);
  return ["Usage: npm run bench -- <name> [arguments]", "", "Benchmarks:", ...lines, ""].join("\n");
}

await main(async () => {
  const [name, ...args] = process.argv.slice(2);
  const known = benchmarks();
  if (name === undefined || name === "list" || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(usage(known));
    return 0;
  }
  if (!known.some((benchmark) => benchmark.name === name)) {
    process.stderr.write(`There is no benchmark "${name}".\n\n${usage(known)}`);
    return 2;
  }
  await setup();
  const { code } = await run(process.execPath, [
    "--enable-source-maps",
    `${ROOT}dist/bench/${name}.js`,
    ...args,
  ]);
  return code;
});
