/** Tables without lines: columns that are as wide as what stands in them. */
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
  readonly value: (row: R) => string;
}

export function tableLines<R>(
  columns: readonly TableColumn<R>[],
  rows: readonly R[],
  paint: Paint,
): string[] {
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
