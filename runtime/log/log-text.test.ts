import { describe, expect, it } from "vitest";
import { createLog } from "./log.ts";
import { formatLogLine, textDestination, wantsColour } from "./log-text.ts";

const plain = { colour: false };
const at = (text: string) =>
  `{"level":"warn","time":"2026-01-01T10:00:00.000Z","actor":"maker","message":${JSON.stringify(text)}}`;

describe("the human form of a log line", () => {
  it("is time, level, actor, message and the context on one line", () => {
    const line =
      '{"level":"warn","time":"2026-01-01T10:11:12.000Z","actor":"maker","node":"127.0.0.1:8332","tries":3,"why":"no answer","message":"the node is gone","trace_id":"ab"}';

    expect(formatLogLine(line, plain)).toMatch(
      /^\d\d:\d\d:12 {2}warn {3}maker {7}the node is gone {2}node=127\.0\.0\.1:8332 {2}tries=3 {2}why="no answer" {2}trace=ab$/,
    );
  });

  it("shows the date where it is asked for", () => {
    expect(formatLogLine(at("m"), { colour: false, withDate: true })).toMatch(
      /^20\d\d-\d\d-\d\d \d\d:\d\d:00 /,
    );
  });

  it("tells an error, its causes and its stack below", () => {
    const lines: string[] = [];
    const log = createLog({
      actor: "a",
      level: "info",
      destination: { write: (line) => void lines.push(line) },
    });
    log.error("failed", {
      error: new Error("outer", { cause: Object.assign(new Error("inner"), { code: "E_INNER" }) }),
    });

    const shown = formatLogLine(lines[0] ?? "", plain).split("\n");

    expect(shown[0]).toMatch(/error {2}a {11}failed$/);
    expect(shown[1]).toBe("    Error: outer");
    expect(shown[2]).toMatch(/^ {6}at /);
    expect(shown.some((line) => line === "    caused by E_INNER: inner")).toBe(true);
  });

  it.each(["not json", '{"cut', "[1,2]", "null", "\u001b[2Jhello"])(
    "shows %j as it is, without control characters",
    (line) => {
      expect(formatLogLine(`${line}\n`, plain)).toBe(line.replace("\u001b", "\\u001b"));
    },
  );

  it("neutralises what a forged file would send to the terminal", () => {
    const forged =
      '{"level":"\\u001b[31m","time":"x","actor":"\\u001b]0;t\\u0007","message":"a\\nb","k\\u001b":"\\u009b","error":{"code":"\\u001b","stack":["\\u001b"]}}';

    expect(formatLogLine(forged, plain)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(formatLogLine(forged, plain).split("\n")).toHaveLength(3);
  });

  it("has colours only where they are wanted", () => {
    expect(formatLogLine(at("m"), { colour: true })).toContain("\u001b[33m");
    expect(formatLogLine(at("m"), plain)).not.toContain("\u001b");
  });
});

describe("colours", () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: "" }, true],
    [{ isTTY: true }, { NO_COLOR: "1" }, false],
    [{ isTTY: true }, { TERM: "dumb" }, false],
    [{ isTTY: false }, {}, false],
    [{}, {}, false],
  ])("on %j with %j: %s", (stream, environment, expected) => {
    expect(wantsColour(stream, environment)).toBe(expected);
  });

  it("are left out by the destination when it is a pipe", () => {
    let out = "";

    textDestination(
      {
        write: (text) => {
          out += text;
        },
      },
      {},
    ).write(`${at("m")}\n`);

    expect(out).toMatch(/warn {3}maker {7}m\n$/);
    expect(out).not.toContain("\u001b");
  });
});
