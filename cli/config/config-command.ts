/** `supervisor config check|print|init`: try the configuration, see what counts, have a commented file written. */
import { dirname } from "node:path";
import { Command } from "commander";
import { type Config, type ConfigInput, checkConfig, loadConfig } from "../../runtime/config/config.ts";
import { assertNoConfigFile, writeConfigFile } from "../../runtime/config/config-file.ts";
import { problemText } from "../../runtime/config/config-problem.ts";
import { schemaOf } from "../../runtime/config/config-schema.ts";
import { troupeSection } from "../../runtime/config/config-sections.ts";
import {
  type ChosenValues,
  configurationMarkdown,
  defaultConfigText,
  effectiveConfigText,
  effectiveEntries,
} from "../../runtime/config/config-text.ts";
import { absolutePath } from "../../runtime/config/path.ts";
import type { Section } from "../../runtime/config/section.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { readSecretFile } from "../../runtime/secret.ts";
import type { Finding } from "../../supervisor/doctor/finding.ts";
import { type PlaceOptions, retyped } from "../terminal-io.ts";
import { type Prompter, terminalPrompter } from "./prompter.ts";
import { askAll, FIRST_STEP, type Step } from "./questions.ts";
import { withSecretFiles } from "./secret-files.ts";

export interface ConfigCommandOptions {
  readonly sections: readonly Section[];
  /** Which file is meant, and what ranks above it. */
  inputOf(given: PlaceOptions): ConfigInput & { readonly file: string };
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stdin: { readonly isTTY?: boolean };
  /** How the person would call us. */
  readonly command: string;
  /** Asked after network and data directory where a real chain is wanted, such as the node's address. */
  readonly steps?: readonly Step[];
  /** Findings as lines for a person. */
  describe(findings: readonly Finding[]): Promise<readonly string[]>;
  /** Who asks; the terminal when not given. */
  readonly prompter?: Prompter;
}

interface ReadOptions extends PlaceOptions {
  readonly json?: boolean;
}

interface InitOptions extends PlaceOptions {
  readonly force?: boolean;
  readonly yes?: boolean;
}

/** The subcommand. Its actions throw `RUNTIME_CONFIG_…` and `RUNTIME_SECRET_…`, which are misuse: exit code 2. */
export function configCommand(options: ConfigCommandOptions): Command {
  const command = new Command("config").description("check, print or begin the configuration");
  withReading(command.command("check"))
    .description("try the configuration and the secret files it names; start nothing")
    .action((given: ReadOptions) => check(options, given));
  withReading(command.command("print"))
    .description("print what counts, with the source of each value that is not the default")
    .option("--defaults", "print the commented default file instead")
    .option("--markdown", "print the page of the documentation instead")
    .action((given: ReadOptions & { defaults?: boolean; markdown?: boolean }) => print(options, given));
  command
    .command("init [file]")
    .description("write a commented configuration file; asks a few questions on a terminal")
    .option("-f, --force", "replace a file that is there")
    .option("-y, --yes", "ask nothing, take the defaults")
    .option("--data <directory>", "write it into this data directory, for it")
    .option("--sandbox", "write it for the sandbox, ~/.troupe-sandbox")
    .action((file: string | undefined, given: InitOptions) => init(options, file, given));
  return command;
}

function withReading(command: Command): Command {
  return command
    .option("--data <directory>", "the data directory (default: ~/.troupe)")
    .option("--sandbox", "the sandbox: a private chain in ~/.troupe-sandbox")
    .option("-c, --config <file>", "the configuration file (default: troupe.toml in the data directory)")
    .option("--set <section.key=value>", "a value above file and environment; may be repeated", collect)
    .option("--json", "print JSON");
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** A configuration is correct when its values are, and when every secret file it names can be read and is closed to others. */
function check(options: ConfigCommandOptions, given: ReadOptions): void {
  const checked = checkConfig(options.inputOf(given));
  const problems = checked.ok ? secretProblems(checked.config) : checked.problems.map(problemText);
  if (given.json) say(options, JSON.stringify({ ok: problems.length === 0, problems }, undefined, 2));
  if (problems.length > 0) {
    throw new TroupeError({ code: "RUNTIME_CONFIG_INVALID", problems }, problems.join("\n"));
  }
  if (given.json || !checked.ok) return;
  const set = effectiveEntries(checked.config).filter((entry) => entry.source !== "default").length;
  const file = checked.config.file === undefined ? "there is no file" : `file ${checked.config.file}`;
  say(
    options,
    `The configuration is correct: ${file}, ${set} ${set === 1 ? "value" : "values"} set, the rest default.`,
  );
}

function secretProblems(config: Config): string[] {
  return config.sections.flatMap((section) => {
    const values = config.get(section) as Readonly<Record<string, unknown>>;
    return Object.entries(schemaOf(section).properties ?? {}).flatMap(([key, schema]) => {
      const path = values[key];
      if (schema.secretFile !== true || typeof path !== "string") return [];
      try {
        readSecretFile(path);
        return [];
      } catch (error) {
        return [`[${section.name}] ${key}: ${(error as Error).message}`];
      }
    });
  });
}

function print(
  options: ConfigCommandOptions,
  given: ReadOptions & { defaults?: boolean; markdown?: boolean },
): void {
  if (given.defaults) return say(options, defaultConfigText(options.sections).trimEnd());
  if (given.markdown) return say(options, configurationMarkdown(options.sections).trimEnd());
  const config = loadConfig(options.inputOf(given));
  if (!given.json) return say(options, effectiveConfigText(config).trimEnd());
  const entries = effectiveEntries(config).map(({ isFirst: _, ...entry }) => entry);
  say(options, JSON.stringify({ file: config.file ?? null, entries }, undefined, 2));
}

async function init(
  options: ConfigCommandOptions,
  file: string | undefined,
  given: InitOptions,
): Promise<void> {
  const place: PlaceOptions = { ...given, ...(file === undefined ? {} : { config: file }) };
  const { file: path } = options.inputOf(place);
  if (!given.force) assertNoConfigFile(path);
  const isAsked = !given.yes && options.stdin.isTTY === true && options.stdout.isTTY === true;
  // A sandbox brings its own node, and nobody from outside comes in.
  const steps = [FIRST_STEP, ...(given.sandbox ? [] : (options.steps ?? []))];
  const settled = settledBy(given, path);
  const answers = isAsked
    ? await askAll(steps, options.prompter ?? (await terminalPrompter()), settled, options.describe)
    : settled;
  if (answers === undefined) {
    say(options, "Nothing was written.");
    return;
  }
  const chosen = withSecretFiles(answers, dirname(path));
  writeConfigFile(path, defaultConfigText(options.sections, chosen), { replace: given.force ?? false });
  say(options, `${isAsked ? "\n" : ""}Written: ${path}`);
  for (const [name, values] of Object.entries(chosen)) {
    for (const [key, value] of Object.entries(values)) say(options, `  [${name}] ${key} = ${textOf(value)}`);
  }
  say(options, "Everything else is as usual, and explained in the file.");
  const again = retyped(place);
  say(options, `Next: ${options.command} doctor${again}\nThen: ${options.command} start${again}`);
}

/** What `--data` and `--sandbox` have answered already, so that the file means the same without them. */
function settledBy({ data, sandbox }: InitOptions, path: string): ChosenValues {
  if (data === undefined && !sandbox) return {};
  const directory = data === undefined ? dirname(path) : absolutePath(data, process.cwd());
  return { [troupeSection.name]: { data_directory: directory, ...(sandbox ? { network: "regtest" } : {}) } };
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function say(options: ConfigCommandOptions, text: string): void {
  options.stdout.write(`${text}\n`);
}
