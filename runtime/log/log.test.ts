import { trace } from "@opentelemetry/api";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock.ts";
import { TroupeError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { createLog, LOG_LINE_BYTES_MAX, type LogOptions, type LogReport } from "./log.ts";
import { createRedaction, redact } from "./redaction.ts";

function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const clock = new ManualClock();
  const log = createLog({
    actor: "indexer",
    level: "debug",
    destination: { write: (line) => void lines.push(line) },
    clock,
    ...options,
  });
  const last = () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown>;
  return { log, lines, last, clock };
}

describe("a log line", () => {
  it("is one line of JSON with time, level, actor, message and the context", () => {
    const { log, lines, last } = capture();

    log.info("caught up", { height: 951_658, lag: 0n });

    expect(lines[0]?.endsWith("}\n")).toBe(true);
    expect(last()).toEqual({
      level: "info",
      time: "2026-01-01T00:00:00.000Z",
      actor: "indexer",
      height: 951_658,
      lag: "0",
      message: "caught up",
    });
  });

  it("is not written below the level", () => {
    const { log, lines } = capture({ level: "warn" });

    log.debug("a");
    log.info("b");
    log.warn("c");

    expect(lines).toHaveLength(1);
  });

  it("is written or not by the level of the moment, whichever log of the actor writes it", () => {
    const { log, lines } = capture({ level: "warn" });
    const child = log.child({ peer: "a" });

    child.debug("a");
    log.setLevel("debug");
    child.debug("b");
    log.setLevel("error");
    child.warn("c");
    log.error("d");

    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["b", "d"]);
  });

  it("carries the bindings of the child that wrote it, the call's own context first in rank", () => {
    const { log, last } = capture();

    log.child({ peer: "a", round: 1 }).child({ round: 2 }).info("m", { peer: "b" });

    expect(last()).toMatchObject({ peer: "b", round: 2 });
  });

  it("keeps its own names when the context brings the same", () => {
    const { log, lines, last } = capture();

    log.info("real", { message: "false", level: "fatal", actor: "root", time: 0, trace_id: "x" });

    expect(last()).toMatchObject({
      message: "real",
      level: "info",
      actor: "indexer",
      message_: "false",
      actor_: "root",
    });
    expect(lines[0]?.match(/"message":/g)).toHaveLength(1);
  });

  it("does not read percent signs as a format", () => {
    const { log, last } = capture();

    log.info("100%% of %s %d", { a: 1 });

    expect(last()["message"]).toBe("100%% of %s %d");
  });

  it("is not written after the log was closed", () => {
    const { log, lines } = capture();

    log.close();
    log.info("late");

    expect(lines).toEqual([]);
  });

  it("names the trace of the active span", () => {
    const { log, last } = capture();
    const span = trace.wrapSpanContext({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
    });
    const getActiveSpan = trace.getActiveSpan;
    trace.getActiveSpan = () => span;
    restore = () => {
      trace.getActiveSpan = getActiveSpan;
    };

    log.info("m");

    expect(last()["trace_id"]).toBe("0af7651916cd43dd8448eb211c80319c");
  });
});

let restore: () => void = () => undefined;
afterEach(() => restore());

describe("what a log line never holds", () => {
  it("is a Secret, wherever it stands", () => {
    const { log, lines } = capture();
    const secret = new Secret("correct horse");

    log.info(`opened with ${secret}`, {
      secret,
      deep: { list: [{ value: secret }] },
      json: JSON.stringify({ secret }),
    });

    expect(lines.join("")).not.toContain("correct horse");
  });

  it("is the value of a key with a telling name, at any depth", () => {
    const { log, lines, last } = capture();

    log.info("m", {
      a: { b: { c: { d: { walletSeed: "zoo zoo zoo", "rpc-password": "hunter2" } } } },
      mnemonic: ["zoo", "zoo"],
      headers: { Authorization: "hunter2", "Set-Cookie": "hunter2" },
      error: new TroupeError({ code: "X_Y", api_token: "hunter2" }, "m"),
    });

    expect(lines.join("")).not.toMatch(/zoo|hunter2/);
    expect(last()["mnemonic"]).toBe("[secret]");
  });

  it.each([
    [
      "an extended private key",
      "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    ],
    ["a WIF key", "L1aW4aubDFB7yfras2S1mN3bqg9nwySY8nkoLmJebSLD5BWv3ENZ"],
    ["an nkey seed", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"],
    ["a password in a URL", "hunter2hunter2"],
  ])("is %s in the middle of a text", (_what, secret) => {
    const { log, lines } = capture();
    const text = secret.startsWith("hunter")
      ? `http://user:${secret}@127.0.0.1:8332/`
      : `read ${secret} from disk`;

    log.info(text, { text, long: `${"x ".repeat(1000)}${text}` });

    expect(lines.join("")).not.toContain(secret);
    expect(lines.join("")).not.toContain(secret.slice(0, 40));
  });

  it("is a byte array, which may be a key", () => {
    const { log, last } = capture();

    log.info("m", { key: new Uint8Array(32), bytes: Buffer.from("hunter2") });

    expect(last()).toMatchObject({ key: "[32 bytes]", bytes: "[7 bytes]" });
  });

  it("is a control character or the end of another line", () => {
    const { log, lines, last } = capture();

    log.info("a\nb\u001b[2J", { "k\r": "\u009b31m\u202e\u0000" });

    expect(lines).toHaveLength(1);
    expect(last()["message"]).toBe("a\\nb\\u001b[2J");
    expect(last()["k\\r"]).toBe("\\u009b31m\\u202e\\u0000");
  });
});

describe("our own coins", () => {
  it("appear as a tag that is the same for the same value and key, and tells nothing else", () => {
    const first = capture({ redaction: createRedaction({ key: Buffer.alloc(32, 1) }) });
    const same = capture({ redaction: createRedaction({ key: Buffer.alloc(32, 1) }) });
    const other = capture({ redaction: createRedaction({ key: Buffer.alloc(32, 2) }) });

    for (const { log } of [first, same, other]) log.info("m", { amount: redact(123_456n) });

    expect(first.last()["amount"]).toMatch(/^#[0-9a-f]{16}$/);
    expect(same.last()["amount"]).toBe(first.last()["amount"]);
    expect(other.last()["amount"]).not.toBe(first.last()["amount"]);
  });

  it("appear as they are when the operator has asked for it", () => {
    const { log, last } = capture({ redaction: createRedaction({ sensitive: true }) });

    log.info("m", { amount: redact(123_456n) });

    expect(last()["amount"]).toBe("123456");
  });
});

describe("an error in the context", () => {
  it("is told with code, message, data and its causes", () => {
    const { log, last } = capture();
    const cause = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });

    log.error("m", { error: new TroupeError({ code: "NODE_DOWN", port: 8332 }, "node down", { cause }) });

    expect(last()["error"]).toMatchObject({
      code: "NODE_DOWN",
      message: "node down",
      data: { port: 8332 },
      cause: { code: "ECONNREFUSED", name: "Error", message: "connect refused" },
    });
    expect(last()["error"]).not.toHaveProperty("stack");
  });

  it("brings its stack when it is a fault of the program", () => {
    const { log, last } = capture();

    log.error("m", { error: new TypeError("x is not a function") });

    expect(last()["error"]).toMatchObject({
      name: "TypeError",
      stack: [expect.stringMatching(/^at .*log\.test/), ...rest()],
    });
    function rest() {
      return (last()["error"] as { stack: unknown[] }).stack.slice(1);
    }
  });

  it("may be its own cause", () => {
    const { log, last } = capture();
    const error: Error = new Error("a");
    error.cause = error;

    log.error("m", { error });

    expect(last()["error"]).toMatchObject({ cause: "[circular]" });
  });
});

describe("any context at all", () => {
  it("gives one line of valid JSON of at most 16 KiB, without control characters", () => {
    const anyText = fc.string({ unit: "binary", maxLength: 6000 });
    fc.assert(
      fc.property(
        anyText,
        fc.dictionary(
          anyText,
          fc.anything({
            withBigInt: true,
            withDate: true,
            withMap: true,
            withTypedArray: true,
            withSparseArray: true,
            values: [anyText, fc.double(), fc.boolean()],
          }),
        ),
        fc.dictionary(fc.string(), fc.array(anyText, { maxLength: 60 })),
        (message, context, bindings) => {
          const { log, lines } = capture();

          log.child(bindings).error(message, context);

          expect(lines).toHaveLength(1);
          expect(Buffer.byteLength(lines[0] ?? "")).toBeLessThanOrEqual(LOG_LINE_BYTES_MAX);
          expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "error", actor: "indexer" });
          expect(lines[0]?.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("stays within the bound when every part of it is as large as it can be", () => {
    const { log, lines } = capture();
    const wide = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [
        `"\u0000${"€".repeat(80)}${index}`,
        '\u0000"€'.repeat(9000),
      ]),
    );
    let deep: unknown = wide;
    for (let level = 0; level < 50; level++)
      deep = { deep, wide, list: Array.from({ length: 1000 }, () => wide) };

    log.child(wide).warn("\u0000".repeat(100_000), { deep, wide });

    expect(Buffer.byteLength(lines[0] ?? "")).toBeLessThanOrEqual(LOG_LINE_BYTES_MAX);
    expect(JSON.parse(lines[0] ?? "")).toHaveProperty("message");
  });

  it("may throw when it is read", () => {
    const { log, last } = capture();
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("no");
        },
        get: () => {
          throw new Error("no");
        },
      },
    );

    log.info("m", {
      hostile,
      get bad() {
        throw new Error("no");
      },
    });

    expect(last()).toMatchObject({ hostile: "[unreadable]", bad: "[unreadable]" });
  });

  it("cannot change the prototype of anything", () => {
    const { log, last } = capture();

    log.info("m", JSON.parse('{"__proto__": {"polluted": 1}}'));

    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(last()["[__proto__]"]).toEqual({ polluted: 1 });
  });
});

describe("the report to the supervisor", () => {
  it("is made for warnings and errors, with the code of the error", () => {
    const reports: LogReport[] = [];
    const { log } = capture({ report: (report) => void reports.push(report) });

    log.info("a");
    log.warn("b", { code: "BUS_BUSY" });
    log.child({ peer: 1 }).error("c", { error: new TroupeError({ code: "NODE_DOWN" }, "m") });

    expect(reports).toEqual([
      { level: "warn", message: "b", at: "2026-01-01T00:00:00.000Z", code: "BUS_BUSY" },
      { level: "error", message: "c", at: "2026-01-01T00:00:00.000Z", code: "NODE_DOWN" },
    ]);
  });

  it("is left out in a storm, and the next one says how many were", () => {
    const reports: LogReport[] = [];
    const { log, lines, clock } = capture({ report: (report) => void reports.push(report) });

    for (let count = 0; count < 100; count++) log.warn("again");
    clock.advance(1_000);
    log.warn("later");

    expect(lines).toHaveLength(101);
    expect(reports).toHaveLength(21);
    expect(reports.at(-1)).toMatchObject({ message: "later", suppressed: 80 });
  });

  it("may fail without failing the log", () => {
    const { log, lines } = capture({
      report: () => {
        throw new Error("port closed");
      },
    });

    log.error("m");

    expect(lines).toHaveLength(1);
  });
});
