/** `npm run bench -- <name> [args]`: runs one benchmark of `bench/`; without a name it lists them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, run } from "./process.mjs";
import { main, setup } from "./setup.mjs";

/** The benchmarks and the sentence on top of each file: `bench/<name>.ts`, or the file called as its folder. */
function benchmarks() {
  const directory = join(ROOT, "bench");
  if (!existsSync(directory)) return [];
  const names = new Set(readdirSync(directory).map((file) => file.replace(/\.ts$/, "")));
  return [...names].flatMap((name) =>
    [`${name}.ts`, `${name}/${name}.ts`]
      .filter((path) => existsSync(join(directory, path)))
      .map((path) => {
        const [firstLine = ""] = readFileSync(join(directory, path), "utf8").split("\n");
        return { name, path, caption: firstLine.replace(/^\/\*\*\s*|\s*\*\/$/g, "") };
      }),
  );
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
  const wanted = known.find((benchmark) => benchmark.name === name);
  if (wanted === undefined) {
    process.stderr.write(`There is no benchmark "${name}".\n\n${usage(known)}`);
    return 2;
  }
  await setup();
  const { code } = await run(process.execPath, [
    "--enable-source-maps",
    `${ROOT}dist/bench/${wanted.path.replace(/ts$/, "js")}`,
    ...args,
  ]);
  return code;
});
