/** The questions of `supervisor config init`: each is a key of a section, and its answer is checked by that key's schema. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { issueText } from "../runtime/config/config-problem.ts";
import { schemaOf } from "../runtime/config/config-schema.ts";
import { troupeSection } from "../runtime/config/config-sections.ts";
import type { ChosenValues } from "../runtime/config/config-text.ts";
import { expandHome } from "../runtime/config/path.ts";
import type { Section } from "../runtime/config/section.ts";

export interface Question {
  readonly section: Section;
  readonly key: string;
  readonly message: string;
  /** What the schema cannot know: a sentence when the answer will not do on this machine. */
  readonly check?: (answer: string) => string | undefined;
  /** False when the answers so far make it pointless. */
  readonly isAsked?: (chosen: ChosenValues) => boolean;
  /** What is offered, when the schema's default is not what most want after the answers so far. */
  readonly initial?: (chosen: ChosenValues) => string;
  /** The key's value for what was typed, when it is not a text. */
  readonly parse?: (answer: string) => unknown;
}

/** Whoever puts the questions; undefined means that the person has gone away. */
export interface Prompter {
  select(message: string, choices: readonly string[], initial: string): Promise<string | undefined>;
  text(
    message: string,
    initial: string,
    validate: (answer: string) => string | undefined,
  ): Promise<string | undefined>;
}

/** What every configuration must settle; commands add those of other rooms. */
export const FIRST_QUESTIONS: readonly Question[] = Object.freeze([
  { section: troupeSection, key: "network", message: "Which Bitcoin network?" },
  {
    section: troupeSection,
    key: "data_directory",
    message: "Where shall everything be kept?",
    check: directoryProblem,
  },
]);

/** Asks what is not `settled` yet, in order. Undefined when the person gave up: then nothing is to be written. */
export async function askAll(
  questions: readonly Question[],
  prompter: Prompter,
  settled: ChosenValues,
): Promise<ChosenValues | undefined> {
  const chosen: Record<string, Record<string, unknown>> = { ...settled };
  for (const question of questions) {
    const { section, key, isAsked, parse } = question;
    if (chosen[section.name]?.[key] !== undefined || isAsked?.(chosen) === false) continue;
    const answer = await ask(question, prompter, chosen);
    if (answer === undefined) return undefined;
    chosen[section.name] = { ...chosen[section.name], [key]: parse?.(answer) ?? answer };
  }
  return chosen;
}

function ask(question: Question, prompter: Prompter, chosen: ChosenValues): Promise<string | undefined> {
  const schema = schemaOf(question.section).properties?.[question.key];
  const usual = typeof schema?.default === "string" ? schema.default : "";
  const initial = question.initial?.(chosen) ?? usual;
  const choices = schema?.enum?.filter((choice) => typeof choice === "string");
  if (choices !== undefined) return prompter.select(question.message, choices, initial);
  return prompter.text(question.message, initial, (answer) => problemOf(question, answer));
}

function problemOf(question: Question, answer: string): string | undefined {
  const shape = question.section.schema.shape as Readonly<Record<string, z.ZodType>>;
  const value = question.parse?.(answer) ?? answer;
  const result = shape[question.key]?.safeParse(value, { reportInput: true });
  const [issue] = result?.error?.issues ?? [];
  return issue === undefined ? question.check?.(answer) : issueText(issue);
}

/** True to what will happen at the start: the directory is there and ours to write, or can be made. */
export function directoryProblem(path: string): string | undefined {
  let directory = resolve(expandHome(path));
  if (existsSync(directory) && !statSync(directory).isDirectory())
    return "there is a file of this name, not a directory";
  while (!existsSync(directory)) directory = dirname(directory);
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return statSync(directory).isDirectory() ? undefined : `${directory} is not a directory`;
  } catch {
    return `we may not write in ${directory}`;
  }
}

/** Questions on the terminal. Loaded only when somebody is asked. */
export async function terminalPrompter(): Promise<Prompter> {
  const { isCancel, select, text } = await import("@clack/prompts");
  const orGone = (answer: unknown) => (isCancel(answer) || typeof answer !== "string" ? undefined : answer);
  return {
    select: async (message, choices, initialValue) =>
      orGone(await select({ message, initialValue, options: choices.map((value) => ({ value })) })),
    text: async (message, initialValue, validate) =>
      orGone(await text({ message, initialValue, validate: (answer) => validate(answer ?? "") })),
  };
}
