/** How `supervisor config init` asks: each question is a key of a section, whose schema checks the answer; a step's answers are tried out. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { issueText } from "../../runtime/config/config-problem.ts";
import { schemaOf } from "../../runtime/config/config-schema.ts";
import { troupeSection } from "../../runtime/config/config-sections.ts";
import type { ChosenValues } from "../../runtime/config/config-text.ts";
import { expandHome } from "../../runtime/config/path.ts";
import type { Section } from "../../runtime/config/section.ts";
import type { Finding } from "../../supervisor/doctor/finding.ts";
import type { Choice, Prompter } from "./prompter.ts";

export interface Question {
  readonly section: Section;
  readonly key: string;
  readonly message: string;
  /** What the schema cannot know: a sentence when the answer will not do on this machine. */
  readonly check?: (answer: string) => string | undefined;
  /** False when the answers so far make it pointless. */
  readonly isAsked?: (chosen: ChosenValues) => boolean;
  /** What is offered, when the schema's default is not what most want after the answers so far. */
  readonly initial?: (chosen: ChosenValues) => string | Promise<string>;
  /** Ready answers; without them those that the schema lists, or else a text is typed. */
  readonly choices?: (chosen: ChosenValues) => readonly Choice[];
  /** The key's value for what was answered, when it is not the text itself; undefined leaves the key as usual. */
  readonly parse?: (answer: string) => unknown;
  /** It is typed unseen. */
  readonly isSecret?: boolean;
}

/** Questions whose answers belong together and can be tried out. */
export interface Step {
  readonly questions: readonly Question[];
  /** What is found where the answers lead to. */
  readonly examine?: (chosen: ChosenValues) => Promise<readonly Finding[]>;
}

/** What every configuration must settle; commands add those of other rooms. */
export const FIRST_STEP: Step = Object.freeze({
  questions: [
    { section: troupeSection, key: "network", message: "Which Bitcoin network?" },
    {
      section: troupeSection,
      key: "data_directory",
      message: "Where shall everything be kept?",
      check: directoryProblem,
    },
  ],
});

type Chosen = Record<string, Record<string, unknown>>;

const WHAT_NOW: readonly Choice[] = [
  { value: "answer", label: "Answer again" },
  { value: "look", label: "Look again, I have mended it" },
  { value: "keep", label: "Keep it as it is; it will be mended later" },
];

/** Asks what is not `settled` yet, in order. Undefined when the person gave up: then nothing is to be written. */
export async function askAll(
  steps: readonly Step[],
  prompter: Prompter,
  settled: ChosenValues,
  describe: (findings: readonly Finding[]) => Promise<readonly string[]>,
): Promise<ChosenValues | undefined> {
  let chosen: Chosen = { ...settled };
  for (const step of steps) {
    let typed: ReadonlyMap<Question, string> = new Map();
    for (let next = "answer"; next !== "keep"; ) {
      if (next === "answer") {
        const answered = await askStep(step, prompter, chosen, settled, typed);
        if (answered === undefined) return undefined;
        ({ chosen, typed } = answered);
      }
      const findings = typed.size === 0 ? [] : ((await step.examine?.(chosen)) ?? []);
      if (findings.length > 0) prompter.tell(await describe(findings));
      if (!findings.some(({ verdict }) => verdict === "fail")) break;
      const wish = await prompter.select("What now?", WHAT_NOW, "answer");
      if (wish === undefined) return undefined;
      next = wish;
    }
  }
  return chosen;
}

interface Answered {
  readonly chosen: Chosen;
  /** As it was answered: offered when the step is asked again. */
  readonly typed: ReadonlyMap<Question, string>;
}

async function askStep(
  { questions }: Step,
  prompter: Prompter,
  before: Chosen,
  settled: ChosenValues,
  lastTyped: ReadonlyMap<Question, string>,
): Promise<Answered | undefined> {
  const chosen = structured(before);
  for (const { section, key } of lastTyped.keys()) delete chosen[section.name]?.[key];
  const typed = new Map<Question, string>();
  for (const question of questions) {
    const { section, key, isAsked, parse } = question;
    if (settled[section.name]?.[key] !== undefined || isAsked?.(chosen) === false) continue;
    const answer = await ask(question, prompter, chosen, lastTyped.get(question));
    if (answer === undefined) return undefined;
    typed.set(question, answer);
    const value = parse === undefined ? answer : parse(answer);
    if (value !== undefined) chosen[section.name] = { ...chosen[section.name], [key]: value };
  }
  return { chosen, typed };
}

function structured(chosen: Chosen): Chosen {
  return Object.fromEntries(Object.entries(chosen).map(([name, values]) => [name, { ...values }]));
}

async function ask(
  question: Question,
  prompter: Prompter,
  chosen: ChosenValues,
  last: string | undefined,
): Promise<string | undefined> {
  const { message } = question;
  const validate = (answer: string) => problemOf(question, answer);
  if (question.isSecret) return prompter.secret(message, validate);
  const schema = schemaOf(question.section).properties?.[question.key];
  const usual = typeof schema?.default === "string" ? schema.default : "";
  const initial = last ?? (await question.initial?.(chosen)) ?? usual;
  const listed = schema?.enum?.filter((choice) => typeof choice === "string");
  const choices = question.choices?.(chosen) ?? listed?.map((value) => ({ value, label: value }));
  return choices === undefined
    ? prompter.text(message, initial, validate)
    : prompter.select(message, choices, initial);
}

function problemOf(question: Question, answer: string): string | undefined {
  const shape = question.section.schema.shape as Readonly<Record<string, z.ZodType>>;
  const value = question.parse === undefined ? answer : question.parse(answer);
  if (value === undefined || question.isSecret) return question.check?.(answer);
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
