/** Writes the generated documents: `node dist/docs/generate.js`; with `--check` it only says which are out of date. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busJson, busMarkdown } from "../bus/contract/documentation.ts";
import { allContracts } from "../bus/contracts/all.ts";
import { configurationMarkdown } from "../runtime/config/config-text.ts";
import { ALL_SECTIONS } from "../supervisor/children.ts";
import { errorsPage } from "./error-codes.ts";
import { metricsPage } from "./metric-names.ts";
import { readSources, repositoryRoot } from "./sources.ts";
import { catalogueJson } from "./xmpp-catalogue.ts";

const NOTICE = "<!-- Written by `npm run docs` from the sources; changes made here are lost. -->\n\n";

/** Every generated document by its path under the root. */
export function documents(): Map<string, string> {
  const sources = readSources();
  return new Map([
    ["docs/bus.md", NOTICE + busMarkdown(allContracts)],
    ["docs/bus.json", busJson(allContracts)],
    ["docs/configuration.md", NOTICE + configurationMarkdown(ALL_SECTIONS)],
    ["docs/errors.md", NOTICE + errorsPage()],
    ["docs/metrics.md", NOTICE + metricsPage(sources)],
    ["docs/xmpp-catalogue.json", catalogueJson()],
  ]);
}

/** The paths of those that differ from what is on disk. */
export function outdated(root = repositoryRoot()): string[] {
  return [...documents()]
    .filter(([path, text]) => readOrEmpty(join(root, path)) !== text)
    .map(([path]) => path);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // not written yet is out of date
  }
}

function main(args: readonly string[]): number {
  const root = repositoryRoot();
  const paths = outdated(root);
  if (args.includes("--check")) {
    for (const path of paths) process.stderr.write(`${path} is out of date\n`);
    return paths.length === 0 ? 0 : 1;
  }
  const written = documents();
  for (const path of paths) {
    writeFileSync(join(root, path), written.get(path) ?? "");
    process.stdout.write(`${path} written\n`);
  }
  return 0;
}

if (process.argv[1]?.endsWith("generate.js")) process.exitCode = main(process.argv.slice(2));
