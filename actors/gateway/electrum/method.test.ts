import { describe, expect, it } from "vitest";
import { MethodTable, method, optional, required } from "./method.ts";
import { badRequest } from "./protocol-error.ts";
import { version } from "./protocol-version.ts";
import type { Session } from "./session.ts";

const SESSION = {} as Session;

function whole(given: unknown): number {
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= 0) return given;
  throw badRequest(`${String(given)} should be a non-negative integer`);
}

const header = method({
  name: "blockchain.block.header",
  params: [required("height", whole), optional("cp_height", whole, 0)],
  cost: 0.25,
  handle: ([height, cpHeight]) => [height, cpHeight],
});
const greeting = method({
  name: "greeting",
  params: [optional("name", String, "nobody")],
  ignoresOthers: true,
  cost: 1,
  handle: ([name]) => name,
});

describe("the arguments of a method", () => {
  it.each([
    [[5], [5, 0]],
    [
      [5, 9],
      [5, 9],
    ],
    [{ height: 5 }, [5, 0]],
    [{ cp_height: 9, height: 5 }, [5, 9]],
  ])("are read from a list or by name: %j", (given, expected) => {
    expect(header.call(given, SESSION)).toEqual(expected);
  });

  it.each([
    [undefined, 'arguments passed to method "blockchain.block.header" but it requires 1'],
    [[], '0 arguments passed to method "blockchain.block.header" but it requires 1'],
    [[1, 2, 3], "3 arguments passed to method blockchain.block.header taking at most 2"],
    [{}, 'method "blockchain.block.header" requires parameter "height"'],
    [{ height: 1, depth: 2 }, 'method "blockchain.block.header" does not take parameter "depth"'],
    [null, "invalid request arguments"],
    ["5", "invalid request arguments"],
    [7, "invalid request arguments"],
    [true, "invalid request arguments"],
  ])("that do not fit are refused with -32602: %j", (given, message) => {
    expect(() => header.call(given, SESSION)).toThrow(
      expect.objectContaining({ code: -32_602, message: expect.stringContaining(message) }),
    );
  });

  it("that have a bad value are refused as the parameter says", () => {
    expect(() => header.call([-1], SESSION)).toThrow(
      expect.objectContaining({ code: 1, message: "-1 should be a non-negative integer" }),
    );
  });

  it("beyond the declared ones are ignored where the method says so", () => {
    expect(greeting.call(["you", 1, {}], SESSION)).toBe("you");
    expect(greeting.call({ other: 1 }, SESSION)).toBe("nobody");
  });

  it("do not take what every object inherits for a name that was given", () => {
    const odd = method({
      name: "odd",
      params: [required("constructor", String)],
      cost: 0,
      handle: ([a]) => a,
    });

    expect(() => odd.call({}, SESSION)).toThrow(/requires parameter "constructor"/);
    expect(() => header.call(JSON.parse('{"height":1,"__proto__":2}'), SESSION)).toThrow(/does not take/);
  });

  it("are not repeated at length in a refusal", () => {
    const given = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, at) => [`x${at}`.padEnd(200, "y"), 0]),
    );

    expect(() => header.call({ height: 1, ...given }, SESSION)).toThrow(/^.{0,400}$/);
  });
});

describe("the table of methods", () => {
  const always = method({ name: "always", params: [], cost: 0, handle: () => 1 });
  const late = method({ name: "late", since: "1.4.2", before: "1.7", params: [], cost: 0, handle: () => 2 });
  const early = method({ name: "early", before: "1.6", params: [], cost: 0, handle: () => 3 });
  const table = new MethodTable([always, late, early]);

  it.each([
    ["1.4", ["always", "early"]],
    ["1.4.0", ["always", "early"]],
    ["1.4.2", ["always", "late", "early"]],
    ["1.5.9", ["always", "late", "early"]],
    ["1.6", ["always", "late"]],
    ["1.6.0", ["always", "late"]],
    ["1.7", ["always"]],
  ])("of version %s has %j", (text, expected) => {
    expect([...table.of(version(text)).keys()]).toEqual(expected);
  });

  it("is one for all versions that have the same methods", () => {
    expect(table.of(version("1.6"))).toBe(table.of(version("1.6.77")));
  });

  it("may have one name twice, when no version has both", () => {
    const old = method({ name: "same", before: "1.6", params: [], cost: 0, handle: () => "old" });
    const fresh = method({ name: "same", since: "1.6", params: [], cost: 0, handle: () => "new" });
    const both = new MethodTable([old, fresh]);

    expect(both.of(version("1.4")).get("same")?.call([], SESSION)).toBe("old");
    expect(both.of(version("1.6")).get("same")?.call([], SESSION)).toBe("new");
    expect(() => new MethodTable([old, old]).of(version("1.4"))).toThrow(/declared twice/);
  });
});
