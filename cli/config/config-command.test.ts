import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadConfig } from "../../runtime/config/config.ts";
import { runtimeSections, troupeSection } from "../../runtime/config/config-sections.ts";
import { hostPort } from "../../runtime/config/config-values.ts";
import { section } from "../../runtime/config/section.ts";
import { readSecretFile, Secret, secretFile } from "../../runtime/secret.ts";
import { fail, ok } from "../../supervisor/doctor/finding.ts";
import { configCommand } from "./config-command.ts";
import type { Prompter } from "./prompter.ts";

const node = section(
  "node",
  "The Bitcoin node",
  z.object({
    rpc_address: hostPort().default("127.0.0.1:8332").describe("Its address."),
    mode: z.enum(["a", "b"]).default("a").describe("A mode."),
    cookie_file: secretFile().optional().describe("Its cookie."),
    password_file: secretFile().optional().describe("Its password."),
  }),
);
const sections = [...runtimeSections, node];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "config-command-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function run(words: readonly string[], prompter?: Prompter): Promise<string> {
  let out = "";
  const isTTY = prompter !== undefined;
  const command = configCommand({
    sections,
    inputOf: ({ config, data, set }) => ({
      sections,
      file: config ?? join(data ?? directory, "troupe.toml"),
      isFileOptional: config === undefined,
      environment: {},
      overrides: set ?? [],
    }),
    command: "npx supervisor",
    describe: async (findings) => findings.map(({ verdict, message }) => `${verdict} ${message}`),
    stdin: { isTTY },
    stdout: {
      isTTY,
      write: (text) => {
        out += text;
      },
    },
    steps: [
      {
        questions: [
          { section: node, key: "rpc_address", message: "Node?" },
          { section: node, key: "mode", message: "Mode?" },
          {
            section: node,
            key: "password_file",
            message: "Password?",
            isSecret: true,
            isAsked: (chosen) => chosen["node"]?.["mode"] === "b",
            parse: (answer) => new Secret(answer),
          },
        ],
        examine: async (chosen) => {
          const { rpc_address: address } = chosen["node"] ?? {};
          return address === AWAY
            ? [fail("node", "nothing answers", "start it")]
            : [ok("node", "it answers")];
        },
      },
    ],
    ...(prompter === undefined ? {} : { prompter }),
  });
  await command.exitOverride().parseAsync(words, { from: "user" });
  return out;
}

function inDirectory(name: string, text: string, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

interface Person extends Prompter {
  /** What it was told when it had answered wrongly, and what was found where its answers led. */
  readonly heard: string[];
}

/** Answers texts and secrets from a list: the first that is accepted counts. Choices by question, each list in turn. */
function answering(texts: string[], choices: Record<string, string | string[]>): Person {
  const heard: string[] = [];
  const next = (validate: (answer: string) => string | undefined) => {
    for (let answer = texts.shift(); answer !== undefined; answer = texts.shift()) {
      const refusal = validate(answer);
      if (refusal === undefined) return Promise.resolve(answer);
      heard.push(refusal);
    }
    return Promise.resolve(undefined);
  };
  return {
    heard,
    select(message, offered, initial) {
      const wished = choices[message];
      const wish = Array.isArray(wished) ? wished.shift() : wished;
      return Promise.resolve(offered.find(({ value }) => value === wish)?.value ?? initial);
    },
    text: (_message, _initial, validate) => next(validate),
    secret: (_message, validate) => next(validate),
    tell: (lines) => void heard.push(...lines),
  };
}

/** Where no node answers. */
const AWAY = "10.0.0.9:8332";

describe("config init", () => {
  it("writes a commented file with mode 0600 that is a correct configuration and says only defaults", async () => {
    await run(["init"]);

    const path = join(directory, "troupe.toml");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(loadConfig({ sections, file: path }).get(node)).toEqual({
      rpc_address: "127.0.0.1:8332",
      mode: "a",
    });
    const lines = readFileSync(path, "utf8").split("\n");
    expect(lines.filter((line) => line !== "" && !/^[#[]/.test(line))).toEqual([]);
    expect(readdirSync(directory)).toEqual(["troupe.toml"]);
  });

  it("writes a file that stays correct when every value in it is uncommented", async () => {
    await run(["init"]);
    const text = readFileSync(join(directory, "troupe.toml"), "utf8").replace(/^# (\w+ = (?!"").+)$/gm, "$1");

    expect(loadConfig({ sections, file: inDirectory("all.toml", text) }).sourceOf(node, "mode")).toBe("file");
  });

  it("leaves a file alone that is there, unless it is forced", async () => {
    const path = inDirectory("troupe.toml", "mine");

    await expect(run(["init"])).rejects.toMatchObject({ code: "RUNTIME_CONFIG_EXISTS" });
    expect(readFileSync(path, "utf8")).toBe("mine");
    await run(["init", "--force"]);

    expect(readFileSync(path, "utf8")).toContain("[troupe]");
    expect(readdirSync(directory)).toEqual(["troupe.toml"]);
  });

  it("asks on a terminal, checks the answers where it can, and states them", async () => {
    const file = inDirectory("file", "");
    const data = join(directory, "new", "data");

    const person = answering([file, data, "nowhere", "10.0.0.1:8332", "correct horse"], {
      "Which Bitcoin network?": "signet",
      "Mode?": "b",
    });
    await run(["init"], person);

    const config = loadConfig({ sections, file: join(directory, "troupe.toml") });
    expect(config.get(troupeSection)).toEqual({ network: "signet", data_directory: data });
    expect(config.get(node)).toMatchObject({ rpc_address: "10.0.0.1:8332", mode: "b" });
    expect(person.heard).toEqual([
      expect.stringContaining("not a directory"),
      expect.stringContaining("host:port"),
      "ok it answers",
    ]);
  });

  it("puts a typed password into an owner-only file and its path into the configuration", async () => {
    const out = await run(
      ["init"],
      answering([join(directory, "data"), "10.0.0.1:8332", "correct horse"], { "Mode?": "b" }),
    );

    const path = String(
      loadConfig({ sections, file: join(directory, "troupe.toml") }).get(node).password_file,
    );
    expect(readSecretFile(path).reveal()).toBe("correct horse");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(out + readFileSync(join(directory, "troupe.toml"), "utf8")).not.toContain("correct horse");
  });

  it("says at once what is wrong where the answers lead to, and asks what to do", async () => {
    const person = answering([join(directory, "data"), AWAY, AWAY, "10.0.0.1:8332"], {
      "What now?": ["look", "answer", "answer"],
    });

    await run(["init"], person);

    expect(person.heard).toEqual([
      "fail nothing answers",
      "fail nothing answers",
      "fail nothing answers",
      "ok it answers",
    ]);
    const config = loadConfig({ sections, file: join(directory, "troupe.toml") });
    expect(config.get(node).rpc_address).toBe("10.0.0.1:8332");
  });

  it("keeps answers that lead nowhere yet, when the person wants that", async () => {
    await run(["init"], answering([join(directory, "data"), AWAY], { "What now?": "keep" }));

    expect(loadConfig({ sections, file: join(directory, "troupe.toml") }).get(node).rpc_address).toBe(AWAY);
  });

  it("asks nobody before it knows that the file can be written", async () => {
    inDirectory("troupe.toml", "mine");
    const texts = ["never asked"];

    await expect(run(["init"], answering(texts, {}))).rejects.toMatchObject({
      code: "RUNTIME_CONFIG_EXISTS",
    });
    expect(texts).toHaveLength(1);
  });

  it("does not ask what was said on the command line, and writes it", async () => {
    const data = join(directory, "data");

    const out = await run(["init", "--data", data], answering(["10.0.0.1:8332"], {}));

    const config = loadConfig({ sections, file: join(data, "troupe.toml") });
    expect(config.get(troupeSection).data_directory).toBe(data);
    expect(config.get(node).rpc_address).toBe("10.0.0.1:8332");
    expect(out).toContain(`Then: npx supervisor start --data ${data}`);
  });

  it("writes nothing when the person goes away", async () => {
    const out = await run(["init"], answering([], {}));

    expect(out).toBe("Nothing was written.\n");
    expect(existsSync(join(directory, "troupe.toml"))).toBe(false);
  });
});

describe("config check", () => {
  it("accepts no file at all", async () => {
    expect(await run(["check"])).toContain("correct: there is no file, 0 values set");
  });

  it("tells all mistakes, as JSON too", async () => {
    const file = inDirectory("x.toml", '[node]\nmode = "c"\n[lgo]');

    const failure = await run(["check", "--config", file]).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: "RUNTIME_CONFIG_INVALID" });
    expect((failure as Error).message.split("\n")).toEqual([
      `${file}:2: [node] mode: expected one of "a", "b" but found "c"`,
      `${file}:3: [lgo]: there is no such section; did you mean [log]?`,
    ]);
  });

  it("looks at the secret files", async () => {
    const open = inDirectory("open", "hunter2", 0o644);

    await expect(run(["check", "--set", `node.cookie_file=${open}`])).rejects.toThrow(
      /\[node\] cookie_file: .*chmod 600/,
    );
    chmodSync(open, 0o600);
    expect(await run(["check", "--set", `node.cookie_file=${open}`])).toContain("1 value set");
  });
});

describe("config print", () => {
  it("shows what counts with its source, as TOML that means the same", async () => {
    const file = inDirectory("x.toml", '[node]\nmode = "b"');

    const out = await run(["print", "--config", file, "--set", "log.level=debug"]);

    expect(out).toContain('mode = "b" # file\n');
    expect(out).toContain('level = "debug" # flag\n');
    expect(out).toContain('rpc_address = "127.0.0.1:8332"\n');
    expect(out).toContain("# cookie_file is not set\n");
    expect(loadConfig({ sections, file: inDirectory("y.toml", out) }).get(node).mode).toBe("b");
  });

  it("shows the same as JSON", async () => {
    const { entries } = JSON.parse(await run(["print", "--json"])) as { entries: unknown[] };

    expect(entries).toContainEqual({ section: "node", key: "mode", value: "a", source: "default" });
  });

  it("shows the page of the documentation, which names no directory of this machine", async () => {
    const out = await run(["print", "--markdown"]);

    expect(out).toContain('| `mode` | `"a"`, `"b"` | `"a"` | `TROUPE_NODE__MODE` | A mode. |');
    expect(out).toContain('| `data_directory` | text | `"~/.troupe"` |');
    expect(out).toContain("| `cookie_file` | path of a secret file |  |");
    expect(out).toContain("whole number 1 to 100");
  });
});
