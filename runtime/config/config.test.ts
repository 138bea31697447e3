import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { hasCode, TroupeError } from "../errors.ts";
import { secretFile } from "../secret.ts";
import { type ConfigInput, checkConfig, loadConfig } from "./config.ts";
import { problemText } from "./config-problem.ts";
import { hostPort } from "./config-values.ts";
import { section } from "./section.ts";

const bus = section(
  "bus",
  "The bus",
  z
    .object({
      mode: z.enum(["embedded", "spawn", "external"]).default("embedded").describe("Which broker."),
      port: z.int().min(0).max(65_535).default(4222).describe("Its port."),
      servers: z.array(z.string()).default([]).describe("Servers."),
      is_quiet: z.boolean().default(false).describe("Quiet."),
      ratio: z.number().min(0).max(1).default(0.5).describe("A share."),
      credentials_file: secretFile().optional().describe("Credentials."),
      listen: hostPort().default("127.0.0.1:0").describe("Where it listens."),
      idle: z
        .union([z.literal("never"), z.int()])
        .default("never")
        .describe("Idle."),
      tls: z
        .object({ ca_file: z.string().optional(), verify: z.boolean().default(true) })
        .optional()
        .describe("TLS."),
    })
    .refine((value) => value.mode !== "external" || value.servers.length > 0, {
      path: ["servers"],
      error: 'mode "external" needs at least one server',
    }),
);
const nodes = section(
  "nodes",
  "Nodes",
  z.object({
    node: z
      .record(z.string(), z.object({ address: hostPort() }))
      .default({})
      .describe("By name."),
  }),
);
const sections = [bus, nodes];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "config-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function written(text: string | Uint8Array, mode = 0o600): string {
  const path = join(directory, "troupe.toml");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function load(text: string, input: Partial<ConfigInput> = {}) {
  return loadConfig({ sections, file: written(text), ...input });
}

/** The mistakes as printed, with the directory taken away. */
function mistakes(text: string, input: Partial<ConfigInput> = {}): string[] {
  const check = checkConfig({ sections, file: written(text), ...input });
  return check.ok ? [] : check.problems.map((problem) => problemText(problem).replace(`${directory}/`, ""));
}

describe("the layers of the configuration", () => {
  it("are the default, the file, the environment and the flag, each above the one before", () => {
    const config = load('[bus]\nport = 1\nratio = 0.1\nmode = "spawn"', {
      environment: { TROUPE_BUS__PORT: "2", TROUPE_BUS__RATIO: "0.2", TROUPE_OTHER: "x", PATH: "/bin" },
      overrides: ["bus.port=3"],
    });

    expect(config.get(bus)).toMatchObject({ is_quiet: false, mode: "spawn", ratio: 0.2, port: 3 });
    expect(["is_quiet", "mode", "ratio", "port"].map((key) => config.sourceOf(bus, key))).toEqual([
      "default",
      "file",
      "environment",
      "flag",
    ]);
  });

  it("give the defaults when there is no file and none is needed", () => {
    const config = loadConfig({ sections, file: join(directory, "none.toml"), isFileOptional: true });

    expect(config.get(bus).port).toBe(4222);
    expect(config.file).toBeUndefined();
  });

  it("reach into nested tables and keep what the file says beside", () => {
    const config = load('[bus.tls]\nverify = false\n[nodes.node.a]\naddress = "127.0.0.1:1"', {
      environment: { TROUPE_BUS__TLS__CA_FILE: "/ca.pem" },
      overrides: ["nodes.node.b.address=127.0.0.1:2"],
    });

    expect(config.get(bus).tls).toEqual({ verify: false, ca_file: "/ca.pem" });
    expect(config.get(nodes).node).toEqual({ a: { address: "127.0.0.1:1" }, b: { address: "127.0.0.1:2" } });
    expect(config.sourceOf(bus, "tls.verify")).toBe("file");
    expect(config.sourceOf(bus, "tls.ca_file")).toBe("environment");
  });

  it.each([
    ["servers", "a:1, b:2", ["a:1", "b:2"]],
    ["servers", '["a:1"]', ["a:1"]],
    ["servers", "", []],
    ["is_quiet", "true", true],
    ["port", "0x10", 16],
    ["idle", "5", 5],
    ["idle", "never", "never"],
    ["listen", "[::1]:80", "[::1]:80"],
    ["credentials_file", "12", "12"],
  ])("read the text of %s=%s as its schema wants it", (key, text, expected) => {
    const config = load("", { overrides: [`bus.${key}=${text}`] });

    expect((config.get(bus) as Record<string, unknown>)[key]).toEqual(expected);
  });
});

describe("a mistake in the configuration", () => {
  it.each([
    [
      '[bus]\n\nmode = "embeded"',
      'troupe.toml:3: [bus] mode: expected one of "embedded", "spawn", "external" but found "embeded"',
    ],
    ["[bsu]\nport = 1", "troupe.toml:1: [bsu]: there is no such section; did you mean [bus]?"],
    ["[bus]\nprot = 1", 'troupe.toml:2: [bus] prot: there is no such key; did you mean "port"?'],
    ["[nodes]\nmode = 1", "troupe.toml:2: [nodes] mode: there is no such key here; it belongs below [bus]"],
    ["port = 1", "troupe.toml:1: port: this key is in no section; it belongs below [bus]"],
    ["[bus]\nport = 70000", "troupe.toml:2: [bus] port: expected a number of at most 65535 but found 70000"],
    ["[bus]\nport = 1.5", "troupe.toml:2: [bus] port: expected a whole number but found 1.5"],
    ['[bus]\nport = "1"', 'troupe.toml:2: [bus] port: expected a number but found "1"'],
    ["[bus]\nratio = nan", "troupe.toml:2: [bus] ratio: expected a number but found NaN"],
    [
      "[bus]\nport = 9223372036854775807",
      "troupe.toml:2: [bus] port: expected a number but found 9223372036854775807, which is too large",
    ],
    ["[bus]\nservers = [\n  1,\n]", "troupe.toml:2: [bus] servers.0: expected a text in quotes but found 1"],
    [
      "[bus]\nmode = 2020-01-01",
      'troupe.toml:2: [bus] mode: expected one of "embedded", "spawn", "external" but found a date',
    ],
    [
      '[bus]\nlisten = "localhost"',
      'troupe.toml:2: [bus] listen: expected an address of the form "host:port", such as "127.0.0.1:8332" or "[::1]:8332" but found "localhost"',
    ],
    ['[bus]\nmode = "external"', 'troupe.toml:1: [bus] servers: mode "external" needs at least one server'],
    ["[bus]\nidle = true", 'troupe.toml:2: [bus] idle: expected "never" or a number but found true'],
    [
      "[bus.tls]\nverifi = true",
      'troupe.toml:2: [bus] tls.verifi: there is no such key; did you mean "verify"?',
    ],
    ["bus = 3", "troupe.toml:1: [bus]: expected a table, written as [bus]"],
    ["[[bus]]\nport = 1", "troupe.toml:1: [bus]: expected a table, written as [bus]"],
    [
      "[nodes.node]\na = {}",
      "troupe.toml:2: [nodes] node.a.address: a value is needed here: a text in quotes",
    ],
    ["[bus]\nport = ", "troupe.toml:2:8: this is not TOML: invalid value"],
    [
      "[bus]\npassword = 'hunter2'",
      "troupe.toml:2: [bus] password: there is no such key, and secrets are not kept here",
    ],
  ])("%j is told as one line", (text, expected) => {
    const told = mistakes(text);

    expect(told).toHaveLength(1);
    expect(told[0]?.slice(0, expected.length)).toBe(expected);
    expect(told[0]).not.toMatch(/hunter2|\n/);
  });

  it.each([
    [{ TROUPE_BUS__PROT: "1" }, 'TROUPE_BUS__PROT: [bus] prot: there is no such key; did you mean "port"?'],
    [{ TROUPE_BSU__PORT: "1" }, "TROUPE_BSU__PORT: there is no such section; did you mean TROUPE_BUS__…?"],
    [
      { TROUPE_BUS_PORT: "1" },
      "TROUPE_BUS_PORT: did you mean TROUPE_BUS__PORT? Section and key are parted by two underscores",
    ],
    [{ TROUPE_BUS__PORT: "many" }, 'TROUPE_BUS__PORT: [bus] port: expected a number but found "many"'],
    [
      { TROUPE_BUS__TLS__VERIFY: "1\nport = 5" },
      'TROUPE_BUS__TLS__VERIFY: [bus] tls.verify: expected true or false but found "1\\nport = 5"',
    ],
    [
      { TROUPE_NODES__NODE__A: "{}" },
      "TROUPE_NODES__NODE__A: [nodes] node.a.address: a value is needed here",
    ],
  ])("in the environment %j names the variable", (environment, expected) => {
    const [first, ...others] = mistakes("", { environment });

    expect(first?.slice(0, expected.length)).toBe(expected);
    expect(others).toEqual([]);
  });

  it.each([
    ["bus.prot=1", '--set bus.prot: [bus] prot: there is no such key; did you mean "port"?'],
    ["bus.serv=1", '--set bus.serv: [bus] serv: there is no such key; did you mean "servers"?'],
    ["bsu.port=1", "--set bsu.port: [bsu]: there is no such section; did you mean [bus]?"],
    ["bus.port", "--set bus.port: expected section.key=value, such as --set log.level=debug"],
    ["=", "--set : expected section.key=value, such as --set log.level=debug"],
    ["bus..port=1", "--set bus..port: expected section.key=value, such as --set log.level=debug"],
    ["bus.port=-1", "--set bus.port: [bus] port: expected a number of at least 0 but found -1"],
    ["bus.__proto__.x=1", "--set bus.__proto__.x: [bus] __proto__: there is no such key"],
  ])("in a flag --set %s names the flag", (override, expected) => {
    const told = mistakes("", { overrides: [override] });

    expect(told).toHaveLength(1);
    expect(told[0]?.slice(0, expected.length)).toBe(expected);
  });

  it("does not hide the others: all are told at once, in the order of the file", () => {
    const error = thrown(() =>
      load('[nodes]\nx = 1\n[bus]\nport = "a"\nmood = 1', { overrides: ["bus.ratio=2"] }),
    );

    expect(error.message.replaceAll(`${directory}/`, "").split("\n")).toEqual([
      "troupe.toml:2: [nodes] x: there is no such key; there are node",
      'troupe.toml:4: [bus] port: expected a number but found "a"',
      'troupe.toml:5: [bus] mood: there is no such key; did you mean "mode"?',
      "--set bus.ratio: [bus] ratio: expected a number of at most 1 but found 2",
    ]);
    expect(error.code).toBe("RUNTIME_CONFIG_INVALID");
  });

  it("is found on its line behind long strings, comments, dotted and quoted keys", () => {
    const text = [
      "# [bus]",
      "[nodes] # a comment = 1",
      "node.'a b' = { address = \"127.0.0.1:1\" }",
      'node."c" = { address = """',
      'port = 7 \\"""""" }',
      "[bus]",
      "servers = [ # [x]",
      "  '''",
      "mode = 1''',",
      "]",
      "tls.verify = 1",
      'mode = "x" # y',
    ].join("\n");

    expect(mistakes(text).map((line) => line.split(": ", 2).join(": "))).toEqual([
      "troupe.toml:4: [nodes] node.c.address",
      "troupe.toml:11: [bus] tls.verify",
      "troupe.toml:12: [bus] mode",
    ]);
  });
});

function thrown(run: () => unknown): TroupeError {
  try {
    run();
  } catch (error) {
    if (error instanceof TroupeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a configuration file", () => {
  it.each([0o620, 0o602, 0o666])("that others may write (mode %o) is refused", (mode) => {
    const error = thrown(() => loadConfig({ sections, file: written("", mode) }));

    expect(error.code).toBe("RUNTIME_CONFIG_EXPOSED");
    expect(error.message).toContain("chmod 600");
  });

  it("that others may only read is accepted", () => {
    expect(loadConfig({ sections, file: written("", 0o644) }).file).toBeDefined();
  });

  it("may be reached through a symbolic link", () => {
    symlinkSync(written("[bus]\nport = 9"), join(directory, "link.toml"));

    expect(loadConfig({ sections, file: join(directory, "link.toml") }).get(bus).port).toBe(9);
  });

  it.each([
    ["is missing", () => join(directory, "none.toml"), "there is no such file"],
    [
      "is a directory",
      () => mkdirSync(join(directory, "d"), { recursive: true }) ?? "",
      "not an ordinary file",
    ],
    ["is too large", () => written("#".repeat(1024 * 1024 + 1)), "larger than 1048576 bytes"],
    ["is not text", () => written(Uint8Array.of(0xff, 0xfe, 0x00)), "not UTF-8"],
  ])("that %s is one clear line", (_what, make, expected) => {
    const error = thrown(() => loadConfig({ sections, file: make() }));

    expect(error.code).toBe("RUNTIME_CONFIG_UNREADABLE");
    expect(error.message).toContain(expected);
  });
});

describe("the loader", () => {
  const names = fc.oneof(
    fc.constantFrom(
      "bus",
      "nodes",
      "node",
      "port",
      "mode",
      "tls",
      "servers",
      "__proto__",
      "constructor",
      "toString",
      "",
    ),
    fc.string({ maxLength: 20 }),
  );
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.date({ noInvalidDate: true, min: new Date("0001-01-01"), max: new Date("9999-12-31") }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(names, tie("value"), { maxKeys: 5 }),
    ),
  })).value;

  /** Any input is a configuration or a list of one-line problems; nothing else is ever thrown. */
  function survives(text: string, input: Partial<ConfigInput> = {}) {
    try {
      const check = checkConfig({ sections, file: written(text), ...input });
      if (check.ok) expect(typeof check.config.get(bus).port).toBe("number");
      else for (const problem of check.problems) expect(problemText(problem)).not.toMatch(/[\p{Cc}]/u);
    } catch (error) {
      if (!hasCode(error, "RUNTIME_CONFIG_UNREADABLE")) throw error;
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  }

  it("survives any text", () => {
    const tokens = fc.constantFrom(
      "[",
      "]",
      "[[",
      "=",
      '"',
      "'",
      '"""',
      "'''",
      "\n",
      "#",
      "{",
      "}",
      ",",
      ".",
      "\\",
      "bus",
      "port",
      "1",
      " ",
      "\r\n",
      "__proto__",
      "true",
      "1979-05-27",
      "inf",
      "\u0000",
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(tokens, fc.string({ unit: "binary", maxLength: 5 })), { maxLength: 60 }),
        (parts) => survives(parts.join("")),
      ),
      { numRuns: 1500 },
    );
  });

  it("survives any document, and finds every key of it on some line", () => {
    fc.assert(
      fc.property(
        fc.dictionary(names, fc.dictionary(names, values, { maxKeys: 6 }), { maxKeys: 4 }),
        (document) => {
          survives(stringify(document));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("survives any environment and any flag", () => {
    const parts = fc.oneof(
      fc.constantFrom(
        "BUS",
        "NODES",
        "NODE",
        "TLS",
        "PORT",
        "SERVERS",
        "VERIFY",
        "__PROTO__",
        "CONSTRUCTOR",
        "IDLE",
        "",
      ),
      fc.string({ maxLength: 8 }),
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("{ __proto__ = { polluted = 1 } }", "[[[[", "{}", "1e999", "-0", "nan", "0x"),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(parts, { maxLength: 5 }), texts), { maxLength: 5 }),
        (variables) => {
          survives("", {
            environment: Object.fromEntries(
              variables.map(([path, text]) => [`TROUPE_${path.join("__")}`, text]),
            ),
            overrides: variables.map(([path, text]) => `${path.join(".").toLowerCase()}=${text}`),
          });
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("survives tables within tables within tables", () => {
    survives(`[bus]\nservers = ${"[".repeat(5000)}${"]".repeat(5000)}`);
    survives(`[bus${".x".repeat(3000)}]\ny = 1`);
    survives(`[bus]\nidle = ${"{a=".repeat(500)}1${"}".repeat(500)}`);
  });
});
