/** What is wrong with a configuration, one line for each mistake, in words for the person who wrote it. */
import type { z } from "zod";
import { isSecretName, printableText } from "../log/printable.ts";
import { isTable } from "./config-schema.ts";

export interface ConfigProblem {
  /** Where: `troupe.toml:12`, `TROUPE_BUS__MODE` or `--set bus.mode`. */
  readonly place: string;
  readonly line: number | undefined;
  readonly section: string | undefined;
  /** Dotted, inside the section. */
  readonly key: string | undefined;
  readonly message: string;
}

/** `troupe.toml:12: [bus] mode: expected one of "embedded", "spawn" but found "embeded"`. */
export function problemText(problem: ConfigProblem): string {
  const section = problem.section === undefined ? "" : ` [${printableText(problem.section, 64)}]`;
  const key = problem.key === undefined ? "" : ` ${printableText(problem.key, 128)}`;
  const subject = `${section}${key}`;
  return `${printableText(problem.place, 512)}:${subject}${subject === "" ? "" : ":"} ${printableText(problem.message, 600)}`;
}

/** The schema's complaint in our words; a complaint in the schema author's own words is kept. */
export function issueText(issue: z.core.$ZodIssue): string {
  const wanted = wantedText(issue);
  if (wanted === undefined) return issue.message;
  if (issue.input === undefined) return `a value is needed here: ${wanted}`;
  const key = issue.path.findLast((part) => typeof part === "string");
  const found = typeof key === "string" && isSecretName(key) ? "something else" : valueText(issue.input);
  return `expected ${wanted} but found ${found}`;
}

function wantedText(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === "custom" && typeof issue.params?.["expected"] === "string")
    return issue.params["expected"];
  // zod's own words; anything else was written for this key and says more.
  if (!/^(Invalid|Too|Unrecognized)\b/.test(issue.message)) {
    return issue.code === "custom" ? undefined : issue.message;
  }
  switch (issue.code) {
    case "invalid_type":
      return TYPE_TEXTS[issue.expected] ?? issue.expected;
    case "invalid_value": {
      const values = issue.values.map(valueText).join(", ");
      return issue.values.length === 1 ? values : `one of ${values}`;
    }
    case "too_small":
      return boundText(issue.origin, "at least", "more than", issue.inclusive ?? true, issue.minimum);
    case "too_big":
      return boundText(issue.origin, "at most", "less than", issue.inclusive ?? true, issue.maximum);
    case "invalid_union":
      return unionText(issue.errors);
    case "invalid_format":
      return issue.format === "regex"
        ? `a text of the form ${issue.pattern ?? ""}`
        : `a valid ${issue.format}`;
    case "not_multiple_of":
      return `a multiple of ${issue.divisor}`;
    default:
      return undefined;
  }
}

const TYPE_TEXTS: Readonly<Record<string, string>> = {
  string: "a text in quotes",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a table",
  record: "a table",
};

function boundText(
  origin: string,
  open: string,
  strict: string,
  isInclusive: boolean,
  bound: number | bigint,
): string {
  const limit = `${isInclusive ? open : strict} ${bound}`;
  if (origin === "string") return `a text of ${limit} characters`;
  if (origin === "array" || origin === "set") return `a list of ${limit} entries`;
  return `a number of ${limit}`;
}

function unionText(branches: readonly (readonly z.core.$ZodIssue[])[]): string {
  const wanted = branches.flatMap((issues) =>
    issues.slice(0, 1).map((issue) => wantedText(issue) ?? issue.message),
  );
  return [...new Set(wanted)].join(" or ");
}

/** A value as a person would write it in the file, short. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return printableText(JSON.stringify(value), 100);
  if (typeof value === "bigint") return `${value}, which is too large`;
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (isTable(value)) return "a table";
  return String(value);
}
