/** Tests of the subject grammar; the algebra is compared with its definition on every subject of a small world. */
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  bulkSubject,
  covers,
  eventPattern,
  eventSubject,
  inboxPrefix,
  inboxSubject,
  isLiteralSubject,
  isPattern,
  isToken,
  matches,
  overlaps,
  parseFactSubject,
  parseRpcSubject,
  rpcPattern,
  rpcSubject,
  SUBJECT_LENGTH_MAX,
  statePattern,
  stateSubject,
} from "./subject.ts";

describe("building subjects", () => {
  it("writes each kind as the grammar says", () => {
    expect(rpcSubject("walletd", "w-5f2a90c1", "signTx", "maker")).toBe(
      "troupe.v1.rpc.walletd.w-5f2a90c1.signTx.maker",
    );
    expect(eventSubject("indexer", "main", "block.connected")).toBe(
      "troupe.v1.evt.indexer.main.block.connected",
    );
    expect(eventSubject("indexer", "main", "scripthash.touched", "a7")).toBe(
      "troupe.v1.evt.indexer.main.scripthash.touched.a7",
    );
    expect(stateSubject("walletd", "w-1", "status")).toBe("troupe.v1.state.walletd.w-1.status");
    expect(bulkSubject("gateway", "x1")).toBe("troupe.v1.blk.gateway.x1");
    expect(inboxSubject("maker", "Ab1.2")).toBe("_INBOX.maker.Ab1.2");
    expect(inboxPrefix("maker")).toBe("_INBOX.maker");
    expect(rpcPattern("walletd", "*", "*", "maker")).toBe("troupe.v1.rpc.walletd.*.*.maker");
    expect(eventPattern("indexer", "*", ">")).toBe("troupe.v1.evt.indexer.*.>");
    expect(eventPattern("indexer", "*", "touched", "*")).toBe("troupe.v1.evt.indexer.*.touched.*");
    expect(statePattern("*", "*", ">")).toBe("troupe.v1.state.*.*.>");
  });

  it("knows the subject as a literal type", () => {
    expectTypeOf(
      rpcSubject("indexer", "any", "tip", "gateway"),
    ).toEqualTypeOf<"troupe.v1.rpc.indexer.any.tip.gateway">();
    expectTypeOf(
      eventSubject("indexer", "main", "touched", "a7"),
    ).toEqualTypeOf<"troupe.v1.evt.indexer.main.touched.a7">();
  });

  it.each(["", ">", "*", "a.b", "a b", "A", "ä", "a\r\n", "x".repeat(49)])(
    "refuses %j as an instance or a caller",
    (bad) => {
      expect(() => rpcSubject("walletd", bad, "signTx", "maker")).toThrow(
        expect.objectContaining({ code: "BUS_BAD_SUBJECT" }),
      );
      expect(() => rpcSubject("walletd", "any", "signTx", bad)).toThrow(
        expect.objectContaining({ code: "BUS_BAD_SUBJECT" }),
      );
    },
  );

  it("keeps the longest possible request subject within the limit", () => {
    const longest = "x".repeat(48);

    expect(rpcSubject(longest, longest, longest, longest).length).toBeLessThanOrEqual(SUBJECT_LENGTH_MAX);
  });

  it("reads back every request and fact it has written", () => {
    const token = fc.stringMatching(/^[a-z0-9_-]{1,48}$/);
    const name = fc.stringMatching(/^[a-z][a-zA-Z0-9_-]{0,20}$/);

    fc.assert(
      fc.property(token, token, name, token, (actor, instance, method, caller) => {
        expect(isToken(actor)).toBe(true);
        expect(parseRpcSubject(rpcSubject(actor, instance, method, caller))).toEqual({
          actor,
          instance,
          method,
          caller,
        });
        expect(parseFactSubject(eventSubject(actor, instance, method, caller))).toEqual({
          kind: "evt",
          actor,
          instance,
          name: `${method}.${caller}`,
        });
        expect(parseFactSubject(stateSubject(actor, instance, method))).toEqual({
          kind: "state",
          actor,
          instance,
          name: method,
        });
      }),
    );
  });

  it.each([
    "troupe.v1.rpc.a.b.c",
    "troupe.v1.rpc.a.b.c.d.e",
    "troupe.v2.rpc.a.b.c.d",
    "troupe.v1.evt.a.b.c.d",
    "x",
  ])("does not read %s as a request", (subject) => expect(parseRpcSubject(subject)).toBeUndefined());
});

describe("patterns", () => {
  it.each([
    ["a.>", "a.b", true],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    ["a.*", "a.b", true],
    ["a.*", "a.b.c", false],
    ["*", "a", true],
    ["*.b", "a.b", true],
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    [">", "a", true],
    ["ab", "a", false],
  ])("%s against %s: %s", (pattern, subject, expected) => expect(matches(pattern, subject)).toBe(expected));

  it.each([
    ["a.b", true, true],
    ["a.*", false, true],
    ["a.>", false, true],
    ["a.>.b", false, false],
    ["a*.b", true, true],
    ["a..b", false, false],
    [".a", false, false],
    ["a.", false, false],
    ["", false, false],
    ["a b", false, false],
  ])("%j: literal %s, pattern %s", (text, literal, pattern) => {
    expect(isLiteralSubject(text)).toBe(literal);
    expect(isPattern(text)).toBe(pattern);
  });

  it("holds n.> wider than n.*", () => {
    expect(covers("n.*", "n.>")).toBe(false);
    expect(covers("n.>", "n.*")).toBe(true);
    expect(overlaps("n.*", "n.>")).toBe(true);
  });

  // Patterns know only the letters a and b and have up to 4 tokens; subjects have c as well and up to 5 tokens.
  // In this world what holds for all subjects holds for all subjects anywhere.
  const allSubjects: string[] = [];
  for (let layer = [""], depth = 0; depth < 5; depth++) {
    layer = layer.flatMap((stem) =>
      ["a", "b", "c"].map((letter) => (stem === "" ? letter : `${stem}.${letter}`)),
    );
    allSubjects.push(...layer);
  }
  const pattern = fc
    .tuple(fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 3 }), fc.constantFrom("a", "b", "*", ">"))
    .map(([head, last]) => [...head, last].join("."));
  const taken = (p: string) => new Set(allSubjects.filter((subject) => asRegExp(p).test(subject)));

  it("matches as the definition says", () => {
    fc.assert(
      fc.property(pattern, fc.constantFrom(...allSubjects), (p, subject) => {
        expect(matches(p, subject)).toBe(asRegExp(p).test(subject));
      }),
    );
  });

  it("covers exactly when every subject of the narrow one is taken by the wide one", () => {
    fc.assert(
      fc.property(pattern, pattern, (wide, narrow) => {
        const wideSet = taken(wide);
        expect(covers(wide, narrow)).toBe([...taken(narrow)].every((subject) => wideSet.has(subject)));
      }),
    );
  });

  it("overlaps exactly when some subject is taken by both", () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const setOfA = taken(a);
        expect(overlaps(a, b)).toBe([...taken(b)].some((subject) => setOfA.has(subject)));
      }),
    );
  });
});

function asRegExp(pattern: string): RegExp {
  const source = pattern
    .split(".")
    .map((token) => (token === "*" ? "[^.]+" : token === ">" ? ".+" : token))
    .join("\\.");
  return new RegExp(`^${source}$`);
}
