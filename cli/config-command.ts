/** `supervisor config check|print|init`: try the configuration, see what counts, have a commented file written. */
import { Command } from "commander";
import { type Config, checkConfig, loadConfig } from "../runtime/config/config.ts";
import { writeConfigFile } from "../runtime/config/config-file.ts";
import { problemText } from "../runtime/config/config-problem.ts";
import { schemaOf } from "../runtime/config/config-schema.ts";
import {
  configurationMarkdown,
  defaultConfigText,
  effectiveConfigText,
  effectiveEntries,
} from "../runtime/config/config-text.ts";
import { absolutePath } from "../runtime/config/path.ts";
import type { Section } from "../runtime/config/section.ts";
import { TroupeError } from "../runtime/errors.ts";
import { readSecretFile } from "../runtime/secret.ts";
import {
  askAll,
  FIRST_QUESTIONS,
  type Prompter,
  type Question,
  terminalPrompter,
} from "./config-questions.ts";

export interface ConfigCommandOptions {
  readonly sections: readonly Section[];
  /** The file that is meant when none is named; for `init` too. */
  readonly defaultFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stdin: { readonly isTTY?: boolean };
  /** Asked after network and data directory: the node's address, the mode of the bus. */
  readonly questions?: readonly Question[];
  /** Who asks; the terminal when not given. */
  readonly prompter?: Prompter;
}

interface ReadOptions {
  readonly config?: string;
  readonly set?: string[];
  readonly json?: boolean;
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
    .action((file: string | undefined, given: { force?: boolean; yes?: boolean }) =>
      init(options, file, given),
    );
  return command;
}

function withReading(command: Command): Command {
  return command
    .option("-c, --config <file>", "the configuration file")
    .option("--set <section.key=value>", "a value above file and environment; may be repeated", collect)
    .option("--json", "print JSON");
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function inputOf(options: ConfigCommandOptions, given: ReadOptions) {
  return {
    sections: options.sections,
    file: given.config === undefined ? options.defaultFile : absolutePath(given.config, process.cwd()),
    isFileOptional: given.config === undefined,
    environment: options.environment,
    overrides: given.set ?? [],
  };
}

/** A configuration is correct when its values are, and when every secret file it names can be read and is closed to others. */
function check(options: ConfigCommandOptions, given: ReadOptions): void {
  const checked = checkConfig(inputOf(options, given));
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
  const config = loadConfig(inputOf(options, given));
  if (!given.json) return say(options, effectiveConfigText(config).trimEnd());
  const entries = effectiveEntries(config).map(({ isFirst: _, ...entry }) => entry);
  say(options, JSON.stringify({ file: config.file ?? null, entries }, undefined, 2));
}

async function init(
  options: ConfigCommandOptions,
  file: string | undefined,
  given: { force?: boolean; yes?: boolean },
): Promise<void> {
  const path = file === undefined ? options.defaultFile : absolutePath(file, process.cwd());
  const isAsked = !given.yes && options.stdin.isTTY === true && options.stdout.isTTY === true;
  const questions = [...FIRST_QUESTIONS, ...(options.questions ?? [])];
  const chosen = isAsked ? await askAll(questions, options.prompter ?? (await terminalPrompter())) : {};
  if (chosen === undefined) {
    say(options, "Nothing was written.");
    return;
  }
  writeConfigFile(path, defaultConfigText(options.sections, chosen), { replace: given.force ?? false });
  say(options, `Written: ${path}. Look through it, then type: supervisor config check --config '${path}'`);
}

function say(options: ConfigCommandOptions, text: string): void {
  options.stdout.write(`${text}\n`);
}
