/** `npm run check`: compiler, linter and formatter, unused code, generated documents; all are run, then it says which failed. */
import { ROOT, run, runTool, say } from "./process.mjs";
import { main, setup } from "./setup.mjs";

const CHECKS = [
  {
    name: "lint and format",
    remedy: "`npx biome check --write .` mends what can be mended by itself",
    run: () => runTool("@biomejs/biome/bin/biome", ["check", "--error-on-warnings", "."]),
  },
  {
    name: "unused code",
    remedy: "remove what knip lists, or name the reason in knip.json",
    run: () => runTool("knip/bin/knip.js", ["--no-progress"]),
  },
  {
    name: "generated documents",
    remedy: "`npm run docs` writes them anew",
    run: () => run(process.execPath, [`${ROOT}dist/docs/generate.js`, "--check"]),
  },
];

await main(async () => {
  await setup({ rebuild: true });
  say("check: the sources compile");
  const failed = [];
  for (const check of CHECKS) {
    const { code } = await check.run();
    if (code === 0) say(`check: ${check.name}: fine`);
    else failed.push(check);
  }
  for (const { name, remedy } of failed) say(`check: ${name}: FAILED; ${remedy}`);
  return failed.length === 0 ? 0 : 1;
});
