/** The addresses that a start prints: aligned, and their sentences whole at any width. */
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { childStatus, treeOf } from "../../tests/harness/cli/tree.ts";
import { doorLines } from "./summary.ts";
import { paintFor } from "./terminal.ts";

const SENTENCE = "Wallet apps such as JAM, over https; on this machine http too.";

const doors = [{ name: "wallet", address: "https://127.0.0.1:28183", doc: SENTENCE }];
const tree = treeOf([childStatus("gateway", { doors })]);

const linesAt = (width: number) =>
  doorLines(tree, paintFor({ isTTY: true }, {}), width).map((line) => stripVTControlCharacters(line));

test.each([50, 60, 80, 100, 120, 200])("no sentence is cut on a terminal of %i columns", (width) => {
  const lines = linesAt(width);

  expect(lines.join(" ").replace(/\s+/g, " ")).toContain(SENTENCE);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
});

test("a wide terminal has one line for each door", () => {
  expect(linesAt(140)).toEqual([
    `  gateway wallet  https://127.0.0.1:28183  ${SENTENCE}`,
    "  bus             nats://127.0.0.1:40123   embedded, for actors only",
  ]);
});
