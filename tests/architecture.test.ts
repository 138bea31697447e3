/** The structure rules applied to this repository, and each of them shown to fail on a small tree that breaks it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  captionViolations,
  cycles,
  type Exceptions,
  LAYERS,
  layerViolations,
  machinePaths,
  nameViolations,
  PACKAGE_IMPORTERS,
  packageViolations,
  sizeViolations,
  testOnlyViolations,
  unresolvedImports,
} from "./structure/rules.ts";
import { readImports, readSourceTree, type SourceFile } from "./structure/source-tree.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** May only shrink. A new entry needs a reason in the commit that brings it. */
const EXCEPTIONS: Exceptions = {
  fileLines: {},
  // Each is one command, `npm run bench -- <name>`, and is looked for by that name.
  folderFiles: { bench: 13 },
};

const files = readSourceTree(ROOT);

describe("this repository", () => {
  it("is read: files, and imports of files, packages and types", () => {
    const bus = files.find(({ path }) => path === "bus/bus.ts");

    expect(files.length).toBeGreaterThan(10);
    expect(bus?.imports).toContainEqual({
      specifier: "./contract/contract.ts",
      file: "bus/contract/contract.ts",
      packageName: undefined,
      typeOnly: true,
    });
    expect(bus?.imports.map(({ packageName }) => packageName)).toContain("@opentelemetry/api");
  });

  it("imports only downwards", () => expect(layerViolations(files)).toEqual([]));
  it("imports only files that exist", () => expect(unresolvedImports(files)).toEqual([]));
  it("has no circle of imports, types included", () => expect(cycles(files)).toEqual([]));
  it("imports each package where it belongs", () => expect(packageViolations(files)).toEqual([]));
  it("runs no test code in production", () => expect(testOnlyViolations(files)).toEqual([]));
  it("names files by their subject", () => expect(nameViolations(files)).toEqual([]));
  it("says on top of each file what it is", () => expect(captionViolations(files)).toEqual([]));
  it("keeps files and folders small", () => expect(sizeViolations(files, EXCEPTIONS)).toEqual([]));

  it("names no place of one machine in any tracked file", () => {
    const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      cwd: ROOT,
    });
    const paths = tracked
      .toString()
      .split("\0")
      .filter((path) => path !== "" && path !== "package-lock.json");
    const texts = new Map(paths.map((path) => [path, readTracked(path)]));

    expect(texts.size).toBeGreaterThan(20);
    expect(machinePaths(texts)).toEqual([]);
  });

  it("has only packages in the table that package.json has", () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const unknown = Object.keys(PACKAGE_IMPORTERS).filter(
      (name) => !name.endsWith("/*") && !(name in dependencies),
    );

    expect(unknown).toEqual([]);
  });
});

describe("the reader of imports", () => {
  it("finds every form and leaves comments and strings alone", () => {
    const text = [
      'import { a } from "./a.ts";',
      'import type { B } from "../b.ts";',
      "import {",
      "  c,",
      "  type D,",
      '} from "./c/d.ts";',
      'export { e } from "./e.ts";',
      'export * from "./f.ts";',
      'import "./g.ts";',
      // In two pieces, or the reader would take this very line for an import.
      `const h = await import(${'"./h.ts"'});`,
      'import Fastify from "fastify";',
      'import { x } from "@scope/name/deep";',
      'import { readFileSync } from "node:fs";',
      '// import { no } from "./no.ts";',
      '/** import { no } from "./no.ts"; */',
      'const sentence = `moved from "./no.ts"`;',
      "export const last = 1;",
    ].join("\n");

    const imports = readImports("room/file.ts", text);

    expect(imports.map(({ file, packageName }) => file ?? packageName)).toEqual([
      "room/a.ts",
      "b.ts",
      "room/c/d.ts",
      "room/e.ts",
      "room/f.ts",
      "room/g.ts",
      "room/h.ts",
      "fastify",
      "@scope/name",
      undefined,
    ]);
    expect(imports.filter(({ typeOnly }) => typeOnly).map(({ file }) => file)).toEqual(["b.ts"]);
  });
});

/** Writes a small tree, reads it as the repository is read, removes it. */
function tree(sources: Readonly<Record<string, string>>): SourceFile[] {
  const root = mkdtempSync(join(tmpdir(), "troupe-structure-"));
  try {
    for (const [path, text] of Object.entries(sources)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return readSourceTree(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const NONE: Exceptions = { fileLines: {}, folderFiles: {} };

describe("each rule finds the tree that breaks it", () => {
  it("an import upwards, and one from actor to actor", () => {
    const broken = tree({
      "runtime/a.ts": 'import { b } from "../bus/b.ts";',
      "bus/b.ts": "",
      "actors/maker/c.ts": 'import type { D } from "../taker/d.ts";',
      "actors/taker/d.ts": 'import { e } from "../../supervisor/e.ts";',
      "supervisor/e.ts":
        'import { s } from "../actors/maker/config.ts"; \nimport { c } from "../actors/maker/c.ts";',
      "actors/maker/config.ts": "",
      "supervisor/doctor/f.ts": 'import "../../bitcoind/g.ts"; \nimport "../../bitcoind/sandbox/h.ts";',
      "supervisor/i.ts": 'import "../bitcoind/g.ts";',
      "bitcoind/g.ts": "",
      "bitcoind/sandbox/h.ts": "",
    });

    expect(layerViolations(broken)).toEqual([
      "actors/maker/c.ts: actors/maker may not import actors/taker/d.ts",
      "actors/taker/d.ts: actors/taker may not import supervisor/e.ts",
      "runtime/a.ts: runtime may not import bus/b.ts",
      "supervisor/doctor/f.ts: supervisor may not import bitcoind/sandbox/h.ts",
      "supervisor/e.ts: supervisor may not import actors/maker/c.ts",
      "supervisor/i.ts: supervisor may not import bitcoind/g.ts",
    ]);
  });

  it("a room that nobody has put into the table", () => {
    expect(layerViolations(tree({ "helpers/a.ts": "" }))).toEqual([
      'helpers/a.ts: the room "helpers" has no row in the table of layers',
    ]);
  });

  it("an import upwards in every row of the table", () => {
    for (const room of Object.keys(LAYERS).filter((name) => name !== "cli")) {
      const up = "../".repeat(room.split("/").length);
      const broken = tree({ [`${room}/a.ts`]: `import "${up}cli/main.ts";`, "cli/main.ts": "" });

      expect(layerViolations(broken)).toEqual([`${room}/a.ts: ${room} may not import cli/main.ts`]);
    }
  });

  it("an import of a file that is not there, or of its compiled name", () => {
    const broken = tree({ "bus/a.ts": 'import "./gone.ts";\nimport "./b.js";', "bus/b.ts": "" });

    expect(unresolvedImports(broken)).toHaveLength(2);
  });

  it("a circle, also of types, also of one file", () => {
    const broken = tree({
      "bus/a.ts": 'import { b } from "./b.ts";',
      "bus/b.ts": 'import { c } from "./c.ts";',
      "bus/c.ts": 'import type { a } from "./a.ts";',
      "bus/d.ts": 'import { b } from "./b.ts";',
      "bus/e.ts": 'import "./e.ts";',
    });

    expect(cycles(broken)).toEqual(["circle: bus/a.ts <-> bus/b.ts <-> bus/c.ts", "circle: bus/e.ts"]);
  });

  it("a package imported by the wrong file, and one that nobody was named for", () => {
    const broken = tree({
      "bus/rpc.ts": 'import { connect } from "nats";',
      "bus/carrier/nats.ts": 'import { connect } from "nats";',
      "bus/carrier/nats.test.ts": 'import { connect } from "nats";',
      "supervisor/a.ts":
        'import { NodeSDK } from "@opentelemetry/sdk-node";\nimport { trace } from "@opentelemetry/api";',
      "runtime/b.ts": 'import leftPad from "left-pad";',
    });

    expect(packageViolations(broken)).toEqual([
      'bus/rpc.ts: "nats" is for ^bus\\/carrier\\/nats\\.ts$ only',
      'runtime/b.ts: nobody has been named to import "left-pad"',
      'supervisor/a.ts: "@opentelemetry/sdk-node" is for ^runtime\\/ only',
    ]);
  });

  it("a fake, a manual clock, a test and a benchmark in production", () => {
    const broken = tree({
      "bus/fake.ts": "",
      "bus/a.ts": 'import { fake } from "./fake.ts";',
      "bus/a.test.ts": 'import { fake } from "./fake.ts";\nimport "../tests/harness/x.ts";',
      "bus/b.ts": "const clock = new ManualClock();",
      "bus/c.ts": 'import "../tests/harness/x.ts";\nimport "../bench/y.ts";',
      "tests/harness/x.ts": "",
      "bench/y.ts": "",
    });

    expect(testOnlyViolations(broken)).toEqual([
      "bus/a.ts: imports the fake bus/fake.ts",
      "bus/b.ts: uses ManualClock, which is for tests",
      "bus/c.ts: imports tests/harness/x.ts, which is not part of the program",
      "bus/c.ts: imports bench/y.ts, which is not part of the program",
    ]);
  });

  it("a barrel, a collecting name, a name in capitals", () => {
    const broken = tree({
      "bus/index.ts": "",
      "bus/utils.ts": "",
      "bus/someThing.ts": "",
      "bus/good-name.test.ts": "",
    });

    expect(nameViolations(broken).map((line) => line.split(":")[0])).toEqual([
      "bus/index.ts",
      "bus/someThing.ts",
      "bus/utils.ts",
    ]);
  });

  it("a file without a caption", () => {
    const broken = tree({
      "bus/a.ts": "// no\n",
      "bus/b.ts": "/** What it is. */\n",
      "bus/c.ts": "\n/** Late. */",
    });

    expect(captionViolations(broken).map((line) => line.split(":")[0])).toEqual(["bus/a.ts", "bus/c.ts"]);
  });

  it("a file of 501 lines, a folder of 13 files, and exceptions that could shrink or go", () => {
    const thirteen = Object.fromEntries(Array.from({ length: 13 }, (_, at) => [`bus/f${at}.ts`, ""]));
    const big = tree({ "cli/a.ts": "x\n".repeat(501), "cli/b.ts": "x\n".repeat(500), ...thirteen });

    expect(sizeViolations(big, NONE)).toEqual([
      "cli/a.ts: 501 lines, at most 500",
      "bus: 13 source files, at most 12",
    ]);
    expect(sizeViolations(big, { fileLines: { "cli/a.ts": 501 }, folderFiles: { bus: 13 } })).toEqual([]);
    expect(
      sizeViolations(big, { fileLines: { "cli/a.ts": 502, "cli/b.ts": 600 }, folderFiles: { bus: 13 } }),
    ).toEqual([
      "cli/a.ts: the exception may shrink from 502 to 501 lines",
      "cli/b.ts: needs no exception any more (500 lines)",
    ]);
  });

  it("a path of one machine", () => {
    const home = ["", "home", "somebody", "troupe"].join("/");

    expect(machinePaths(new Map([["a.md", `fine\nsee ${home}`]]))).toEqual([
      "a.md:2: names a place of one machine",
    ]);
  });
});

/** A tracked file may be a link or have been removed in the working tree. */
function readTracked(path: string): string {
  try {
    return readFileSync(join(ROOT, path), "utf8");
  } catch {
    return ""; // nothing to read is nothing to object to
  }
}
