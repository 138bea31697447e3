/** Tables without lines: columns that are as wide as what stands in them. */
import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import type { Paint } from "../view/terminal.ts";

const NO_LINES = Object.freeze({
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
  ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
  ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " },
});

export interface TableColumn<R> {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Where the table is wider than the terminal, this stands on a line below its row: the last column first. */
  readonly isBelow?: boolean;
  /** Said before it where it stands below, without its title. */
  readonly lead?: string;
  readonly value: (row: R) => string;
}

/** `width`: of the terminal; what does not fit is put below its row, and nothing is cut off. */
export function tableLines<R>(
  columns: readonly TableColumn<R>[],
  rows: readonly R[],
  paint: Paint,
  width = Number.POSITIVE_INFINITY,
): string[] {
  const below: TableColumn<R>[] = [];
  const movable = columns.filter(({ isBelow }) => isBelow);
  for (;;) {
    const [head = "", ...lines] = linesOf(
      columns.filter((column) => !below.includes(column)),
      rows,
      paint,
    );
    const next = [head, ...lines].some((line) => lengthOf(line) > width) ? movable.pop() : undefined;
    if (next === undefined) {
      return [head, ...rows.flatMap((row, at) => [lines[at] ?? "", ...filled(textsOf(row, below), width)])];
    }
    below.unshift(next);
  }
}

function textsOf<R>(row: R, columns: readonly TableColumn<R>[]): string[] {
  return columns.flatMap(({ lead, value }) => {
    const text = value(row);
    if (text === "") return [];
    return [lead === undefined ? text : `${lead} ${text}`];
  });
}

/** As many side by side as there is room for. */
function filled(texts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const text of texts) {
    const longer = `${lines.at(-1) ?? ""}  ${text}`;
    if (lines.length > 0 && lengthOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(`  ${text}`);
  }
  return lines;
}

/** As it is seen: colours take no room. */
function lengthOf(line: string): number {
  return stripVTControlCharacters(line).length;
}

function linesOf<R>(columns: readonly TableColumn<R>[], rows: readonly R[], paint: Paint): string[] {
  const table = new Table({
    head: columns.map(({ title }) => paint("dim", title)),
    chars: NO_LINES,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
    colAligns: columns.map(({ align = "left" }) => align),
  });
  for (const row of rows) table.push(columns.map(({ value }) => value(row)));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}
