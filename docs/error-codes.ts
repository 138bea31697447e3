/** The error codes of all rooms: the tables that explain them, and the sources that throw them. */
import { directoryErrors } from "../actors/directory/errors.ts";
import { gatewayErrors } from "../actors/gateway/errors.ts";
import { indexerErrors } from "../actors/indexer/errors.ts";
import { ledgerErrors } from "../actors/ledger/errors.ts";
import { makerErrors } from "../actors/maker/errors.ts";
import { mempoolErrors } from "../actors/mempool/errors.ts";
import { sandboxErrors } from "../actors/node/errors.ts";
import { takerErrors } from "../actors/taker/errors.ts";
import { walletdErrors } from "../actors/walletd/errors.ts";
import { bitcoinErrors } from "../bitcoin/errors.ts";
import { nodeErrors } from "../bitcoind/errors.ts";
import { busErrors } from "../bus/errors.ts";
import { cliErrors } from "../cli/errors.ts";
import { joinmarketErrors } from "../joinmarket/errors.ts";
import type { ErrorEntry } from "../runtime/errors.ts";
import { runtimeErrors } from "../runtime/failures.ts";
import { supervisorErrors } from "../supervisor/errors.ts";
import type { Source } from "./sources.ts";

/** One table for each room that throws. */
export const errorTables: readonly Readonly<Record<string, ErrorEntry>>[] = [
  runtimeErrors,
  busErrors,
  supervisorErrors,
  gatewayErrors,
  indexerErrors,
  mempoolErrors,
  makerErrors,
  walletdErrors,
  directoryErrors,
  takerErrors,
  ledgerErrors,
  cliErrors,
  nodeErrors,
  sandboxErrors,
  bitcoinErrors,
  joinmarketErrors,
];

const CODE = /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g;
/** Looking whether an error has a code is not throwing it. */
const COMPARISONS = /hasCode\([^"]*"[A-Z0-9_]+"|[!=]== "[A-Z0-9_]+"|case "[A-Z0-9_]+":/g;

/** Every code of a room of ours that the sources throw, with the first file that does. */
export function thrownCodes(sources: readonly Source[], tables = errorTables): Map<string, string> {
  const rooms = new Set(tables.flatMap((table) => Object.keys(table).map(roomOfCode)));
  const found = new Map<string, string>();
  for (const { path, text } of sources) {
    for (const [, code = ""] of withoutTable(text).replaceAll(COMPARISONS, "").matchAll(CODE)) {
      if (rooms.has(roomOfCode(code)) && !found.has(code)) found.set(code, path);
    }
  }
  return found;
}

export interface CodeProblem {
  readonly code: string;
  readonly problem: string;
}

/** What is thrown without an explanation, explained without being thrown, or explained twice. */
export function codeProblems(sources: readonly Source[], tables = errorTables): CodeProblem[] {
  const thrown = thrownCodes(sources, tables);
  const known = new Set<string>();
  const problems: CodeProblem[] = [];
  for (const code of tables.flatMap((table) => Object.keys(table))) {
    if (known.has(code)) problems.push({ code, problem: "is explained in two tables" });
    known.add(code);
    if (!thrown.has(code)) problems.push({ code, problem: "is explained but nothing throws it" });
  }
  for (const [code, path] of thrown) {
    if (!known.has(code)) problems.push({ code, problem: `is thrown in ${path} but no table explains it` });
  }
  return problems;
}

function roomOfCode(code: string): string {
  return code.slice(0, code.indexOf("_"));
}

/** A table's own keys and sentences are no throw; the helpers beside it may be. */
function withoutTable(text: string): string {
  return text.replace(/errorTable\(\{[\s\S]*?\n\}\);/g, "");
}

export function errorsPage(): string {
  const sections = errorTables.map((table) => {
    const codes = Object.keys(table).sort();
    const [first = ""] = codes;
    const rows = codes.map((code) => {
      const { meaning = "", remedy = "" } = table[code] ?? {};
      return `| \`${code}\` | ${cell(meaning)} | ${cell(remedy)} |`;
    });
    return [
      `## ${roomOfCode(first)}`,
      "",
      "| code | what it means | what to do |",
      "|---|---|---|",
      ...rows,
      "",
    ];
  });
  return [
    "# Error codes",
    "",
    "Every error that Troupe reports carries a code. Codes are stable: programs may test them, and they are the same in a log,",
    "on the command line, over HTTP and on the bus. Their first word is the room that they come from.",
    "",
    ...sections.flat(),
  ].join("\n");
}

/** A sentence inside a table's cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
