/** The documents say what the sources say: generated pages are up to date, codes are explained, links lead somewhere. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { allContracts } from "../bus/contracts/all.ts";
import { codeProblems, errorTables } from "../docs/error-codes.ts";
import { documents, outdated } from "../docs/generate.ts";
import { readInstruments } from "../docs/metric-names.ts";
import { readSources, repositoryRoot } from "../docs/sources.ts";
import { OVER_PROSODY } from "./harness/xmpp/wire/suites.ts";

const ROOT = repositoryRoot();
/** Rows of the XMPP door's table that hold on a real server too. */
const ROWS_OVER_PROSODY = 94;
/** Rows of the Electrum door's table that hold over every carrier. */
const ROWS_OVER_ALL_CARRIERS = 79;
const sources = readSources();

describe("generated documents", () => {
  it("are as `npm run docs` writes them", () => {
    expect(documents().size).toBeGreaterThan(1);
    expect(outdated()).toEqual([]);
  });

  it("are out of date in a folder that lacks them", () => {
    expect(outdated(join(ROOT, "docs"))).toEqual([...documents().keys()]);
  });
});

describe("error codes", () => {
  it("are explained where thrown and thrown where explained", () =>
    expect(codeProblems(sources)).toEqual([]));

  it("of every contract are explained", () => {
    const known = new Set(errorTables.flatMap((table) => Object.keys(table)));
    const declared = allContracts.flatMap(({ rpcs }) =>
      Object.values(rpcs).flatMap(({ errors }) => Object.keys(errors ?? {})),
    );

    expect(declared.length).toBeGreaterThan(0);
    expect(declared.filter((code) => !known.has(code))).toEqual([]);
  });

  it("come from tables that the page knows", () => {
    const page = readFileSync(join(ROOT, "docs/error-codes.ts"), "utf8");
    const tables = sources.flatMap(({ text }) =>
      // bitcoin/ imports nothing, so it freezes its table itself.
      [...text.matchAll(/export const (\w+Errors) = (?:errorTable|Object\.freeze)\(/g)].map(
        ([, name]) => name ?? "",
      ),
    );

    expect(tables.length).toBe(errorTables.length);
    expect(tables.filter((name) => !page.includes(`${name},`))).toEqual([]);
  });

  it("have a meaning and a remedy in whole sentences", () => {
    const entries = errorTables.flatMap((table) => Object.entries(table));
    const isSentence = (text: string) => /^[A-Z`[<"0-9].{9,}[.!?]$/s.test(text);

    expect(entries.filter(([, { meaning, remedy }]) => !isSentence(meaning) || !isSentence(remedy))).toEqual(
      [],
    );
  });

  it("are found missing and found idle when they are", () => {
    const table = { BUS_KNOWN: { meaning: "", remedy: "" }, BUS_IDLE: { meaning: "", remedy: "" } };
    const source = {
      path: "bus/a.ts",
      text: [
        "const t = errorTable({",
        '  BUS_IDLE: { meaning: "see \\"BUS_IDLE\\"" },',
        "});",
        'throw new TroupeError({ code: "BUS_KNOWN" }, "");',
        'throw new TroupeError({ code: "BUS_NEW" }, "");',
        'if (hasCode(error, "BUS_IDLE") || code === "BUS_IDLE") return;',
        'process.env["OTHER_ROOM"];',
      ].join("\n"),
    };

    expect(codeProblems([source], [table])).toEqual([
      { code: "BUS_IDLE", problem: "is explained but nothing throws it" },
      { code: "BUS_NEW", problem: "is thrown in bus/a.ts but no table explains it" },
    ]);
    expect(codeProblems([], [table, table]).map(({ problem }) => problem)).toContain(
      "is explained in two tables",
    );
  });
});

describe("metrics", () => {
  it("are named after us, with a sentence, and each is made once", () => {
    const names = readInstruments(sources).map(({ name }) => name);

    expect(names.length).toBeGreaterThan(3);
    expect(names.filter((name) => !/^troupe_[a-z0-9_]+$/.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  it("are all on the page, whoever makes them", () => {
    const known = new Set(readInstruments(sources).map(({ name }) => name));
    const written = sources.flatMap(({ text }) =>
      [...text.matchAll(/"(troupe_[a-z0-9_]+)"/g)].map(([, name]) => name ?? ""),
    );

    expect(written.filter((name) => !known.has(name))).toEqual([]);
  });

  it("are read from the calls that make them, and refused where nobody could look them up", () => {
    const text = 'meter.createObservableCounter("troupe_x_total", { description: "How often.", unit: "s" });';

    expect(readInstruments([{ path: "a.ts", text }])).toEqual([
      { name: "troupe_x_total", kind: "counter", unit: "s", description: "How often.", path: "a.ts" },
    ]);
    expect(() => readInstruments([{ path: "a.ts", text: "meter.createCounter(name, {});" }])).toThrow(
      /without a literal/,
    );
    expect(() =>
      readInstruments([{ path: "a.ts", text: 'meter.createCounter("x", { unit: "s" });' }]),
    ).toThrow(/no description/);
  });
});

describe("written documents", () => {
  const pages = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    ...markdownIn("docs"),
  ];

  it.each(pages)("%s links to files that exist", (page) => {
    const text = readFileSync(join(ROOT, page), "utf8").replaceAll(/```[\s\S]*?```/g, "");
    const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link ?? "");
    const broken = links.filter(
      (link) => !/^https?:/.test(link) && !existsSync(join(ROOT, dirname(page), link)),
    );

    expect(broken).toEqual([]);
  });

  it.each([
    ["README.md", 150],
    ["ARCHITECTURE.md", 250],
  ])("%s has at most %i lines", (page, max) => {
    expect(readFileSync(join(ROOT, page), "utf8").split("\n").length - 1).toBeLessThanOrEqual(max);
  });

  it("name only npm commands that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const named = pages.flatMap((page) =>
      [...readFileSync(join(ROOT, page), "utf8").matchAll(/npm run ([a-z:-]+)/g)].map(
        ([, script]) => script ?? "",
      ),
    );

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

function markdownIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((file) => `${folder}/${String(file)}`)
    .filter((file) => file.endsWith(".md"));
}

describe.each([
  { page: "docs/electrum-conformance.md", rows: 92 },
  { page: "docs/joinmarket-conformance.md", rows: 95 },
  { page: "docs/xmpp-conformance.md", rows: 109 },
])("the table of $page", ({ page, rows }) => {
  const found = readFileSync(join(ROOT, page), "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, number, cell = ""] = /^\| (\d+) \| [^|]+ \| (.+) \|$/.exec(line) ?? [];
      return number === undefined ? [] : [{ number: Number(number), tests: testsIn(cell) }];
    });

  it("has every row, once", () => {
    expect(found.map(({ number }) => number)).toEqual(Array.from({ length: rows }, (_, at) => at + 1));
  });

  it("names tests that are there", () => {
    const named = found.flatMap(({ tests }) => tests);
    expect(found.filter(({ tests }) => tests.length === 0)).toEqual([]);

    expect(named.length).toBeGreaterThan(90);
    expect(named.filter(({ isThere }) => !isThere)).toEqual([]);
  });
});

describe("the table of docs/electrum-conformance.md over every carrier", () => {
  const rows = rowsWithPlace("docs/electrum-conformance.md");
  const over = rows.filter(({ tests }) => tests.some(isOverEveryCarrier));

  it("says of each row whether one of its tests is over all carriers, and over which and why where none is", () => {
    const isTold = ({ place }: (typeof rows)[number]) => place === "all";
    const isExplained = ({ place }: (typeof rows)[number]) =>
      /^(?:no|(?:tcp|tls|ws|wss|unix)(?:, (?:tcp|tls|ws|wss|unix))*): .{20,}/.test(place);

    expect(rows).toHaveLength(92);
    expect(rows.filter((row) => isTold(row) !== over.includes(row)).map(({ number }) => number)).toEqual([]);
    expect(rows.filter((row) => !isTold(row) && !isExplained(row)).map(({ number }) => number)).toEqual([]);
  });

  // May only grow.
  it("loses no row that was there before", () => expect(over).toHaveLength(ROWS_OVER_ALL_CARRIERS));

  it("counts a test that is over some carriers only, or over none, as none", () => {
    const door = "actors/gateway/electrum";
    const named = (path: string, name: string) => isOverEveryCarrier({ path, name });

    expect(named(`${door}/envelope.test.ts`, "refuses %s and goes on")).toBe(true);
    expect(named(`${door}/envelope.test.ts`, "that are not UTF-8 are refused")).toBe(false);
    expect(named(`${door}/limits.test.ts`, "of a message are bounded over %s")).toBe(true);
    expect(named(`${door}/limits.test.ts`, "is up for who says nothing")).toBe(false);
    expect(named(`${door}/negotiation.test.ts`, "makes those wait who come with it")).toBe(false);
    expect(named(`${door}/sessions/origins/admission.test.ts`, "is told when it has too many")).toBe(false);
    expect(named(`${door}/life.test.ts`, "never loses or doubles a transaction")).toBe(false);
  });
});

describe("the table of docs/xmpp-conformance.md beside a real Prosody", () => {
  const rows = rowsWithPlace("docs/xmpp-conformance.md");
  const over = rows.filter(({ tests }) => tests.some(isOverProsody));

  it("says of each row whether one of its tests has a real Prosody between, and why none where none has", () => {
    const isTold = ({ place }: (typeof rows)[number]) => place === "yes";
    const isExplained = ({ place }: (typeof rows)[number]) => /^no: .{20,}/.test(place);

    expect(rows).toHaveLength(109);
    expect(rows.filter((row) => isTold(row) !== over.includes(row)).map(({ number }) => number)).toEqual([]);
    expect(rows.filter((row) => !isTold(row) && !isExplained(row)).map(({ number }) => number)).toEqual([]);
  });

  // May only grow.
  it("loses no row that was there before", () => expect(over).toHaveLength(ROWS_OVER_PROSODY));

  it("counts a test that no server can stand between as none", () => {
    const named = (path: string, name: string) => isOverProsody({ path, name });

    expect(named("actors/gateway/xmpp/chat/chat.test.ts", "read digits in groups")).toBe(true);
    expect(named("actors/gateway/xmpp/hostile.test.ts", "lives through hostile streams")).toBe(false);
    expect(named("actors/gateway/xmpp/slixmpp.test.ts", "slixmpp finds the door")).toBe(true);
    expect(named("actors/ledger/rules.test.ts", "has six symbols")).toBe(false);
  });
});

describe("the tables of docs/joinmarket-faults.md", () => {
  const lines = readFileSync(join(ROOT, "docs/joinmarket-faults.md"), "utf8").split("\n");
  const cellsOf = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const letters = lines
    .map(cellsOf)
    .filter(({ length, 0: first }) => length === 2 && /^[a-zA-Z]$/.test(first ?? ""));
  const words = lines
    .map(cellsOf)
    .filter(({ length, 0: first }) => length === 14 && /`!|offers/.test(first ?? ""));

  it("have a word in each row and say in each cell what holds it", () => {
    const known = new Set(letters.map(([letter]) => letter));
    const used = words.flatMap(([, ...cells]) => cells.flatMap((cell) => cell.split(" ")));

    expect(words).toHaveLength(9 + 8);
    expect(used.filter((letter) => !known.has(letter))).toEqual([]);
    expect([...known].filter((letter) => !used.includes(letter ?? ""))).toEqual([]);
    expect(known.size).toBe(letters.length);
  });

  it("name tests that are there, or a reason", () => {
    const named = letters.map(([letter = "", cell = ""]) => ({ letter, cell, tests: testsIn(cell) }));
    const bare = named.filter(({ cell, tests }) => tests.length === 0 && !/^none: .{20,}/.test(cell));

    expect(bare).toEqual([]);
    expect(named.flatMap(({ tests }) => tests).filter(({ isThere }) => !isThere)).toEqual([]);
  });
});

/** The rows of a table whose last column says where the tests of a row run. */
function rowsWithPlace(page: string) {
  return readFileSync(join(ROOT, page), "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, number, cell = "", place = ""] =
        /^\| (\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$/.exec(line) ?? [];
      return number === undefined ? [] : [{ number: Number(number), tests: testsIn(cell), place }];
    });
}

/** Itself, or a block around it, is for each of all carriers. */
function isOverEveryCarrier({ path, name }: { readonly path: string; readonly name: string }): boolean {
  const text = readFileSync(join(ROOT, path), "utf8");
  const begun = [...text.matchAll(/^( *)(?:it|test|describe)\b/gm)];
  const at = begun.findLastIndex(({ index }) => index <= text.indexOf(name));
  let indent = Number.POSITIVE_INFINITY;
  for (let i = at; i >= 0; i--) {
    const { index, 1: spaces = "" } = begun[i] as RegExpExecArray;
    if (spaces.length >= indent) continue;
    indent = spaces.length;
    if (/\bTEST_CARRIERS\b(?!\.filter)/.test(text.slice(index, begun[i + 1]?.index))) return true;
  }
  return false;
}

/** As one of the suites that run again over it, or in a file that starts one itself. */
function isOverProsody({ path, name }: { readonly path: string; readonly name: string }): boolean {
  const text = readFileSync(join(ROOT, path), "utf8");
  if (/\b(?:Prosody|XmppUnderTest|XmppWithFakeBank)\.start\(/.test(text)) return true;
  if (!OVER_PROSODY.includes(path)) return false;
  const made = [...text.slice(0, text.indexOf(name)).matchAll(/^\s*(it|test|withoutWire)\b/gm)];
  return made.at(-1)?.[1] !== "withoutWire";
}

function testsIn(cell: string): { path: string; name: string; isThere: boolean }[] {
  return cell.split("<br>").flatMap((part) => {
    const path = /^`([^`]+\.test\.ts)`: /.exec(part)?.[1] ?? "";
    const text = existsSync(join(ROOT, path)) && path !== "" ? readFileSync(join(ROOT, path), "utf8") : "";
    const names = [...part.matchAll(/“([^”]+)”/g)].map(([, name = ""]) => name);
    return names.map((name) => ({ path, name, isThere: text.includes(name) }));
  });
}
