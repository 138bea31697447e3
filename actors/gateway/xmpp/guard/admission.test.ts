import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../runtime/clock.ts";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { allowing } from "../names/allowed.ts";
import { Admission } from "./admission.ts";
import { RecentMap } from "./recent-map.ts";

function admission(clock = new ManualClock()) {
  const isAllowed = allowing({
    parentDomain: "example.test",
    domains: ["friends.test"],
    jids: ["Eve@far.test"],
  });
  return new Admission({ clock, isAllowed, ownServer: "example.test" });
}

const message = (attrs: Record<string, string> = {}, ...children: Element[]) =>
  element("message", "", { from: "alice@example.test/phone", type: "chat", ...attrs }, ...children);
const iq = (attrs: Record<string, string>) =>
  element("iq", "", { from: "alice@example.test/phone", ...attrs });
const body = (text: string) => element("body", "", {}, text);

describe("the guard", () => {
  it.each<[string, Element]>([
    ["errors", message({ type: "error" })],
    ["headlines", message({ type: "headline" })],
    ["rooms", message({ type: "groupchat" })],
    ["answers to nothing", iq({ type: "result" })],
    ["errors of questions", iq({ type: "error" })],
    ["what has no sender", element("message", "", { type: "chat" })],
    ["servers that chat", message({ from: "example.test" })],
    ["carbons", message({}, element("received", NS.carbons, {}, element("forwarded", NS.forward)))],
    ["forwarded words", message({}, element("forwarded", NS.forward))],
    ["what is no stanza", element("features", "")],
    ["strangers' messages", message({ from: "bob@evil.test/x" })],
  ])("says nothing to %s", (_, stanza) => {
    expect(admission().judge(stanza)).toEqual({ pass: false });
  });

  it("lets in who belongs to the server, or was named", () => {
    for (const from of ["alice@example.test/x", "bob@friends.test", "eve@far.test/y"])
      expect(admission().judge(message({ from }))).toMatchObject({ pass: true });
    expect(admission().judge(iq({ type: "get", from: "example.test" }))).toMatchObject({ pass: true });
    expect(admission().judge(iq({ type: "get", from: "bob@evil.test/x" }))).toEqual({
      pass: false,
      refuse: "forbidden",
    });
  });

  it("refuses more than 4,000 characters", () => {
    expect(admission().judge(message({}, body("x".repeat(4_000)))).pass).toBe(true);
    expect(admission().judge(message({}, body("x".repeat(4_001))))).toEqual({
      pass: false,
      refuse: "not-acceptable",
    });
  });

  it("answers a flood once in a minute, and others as ever", () => {
    const clock = new ManualClock();
    const guard = admission(clock);
    const verdicts = Array.from({ length: 2_000 }, () => guard.judge(message({}, body("hi"))));
    expect(verdicts.filter(({ pass }) => pass)).toHaveLength(10);
    expect(verdicts.filter((verdict) => !verdict.pass && verdict.refuse === "policy-violation")).toHaveLength(
      1,
    );
    expect(guard.judge(message({ from: "bob@example.test/x" })).pass).toBe(true);
    clock.advance(3_000);
    expect(guard.judge(message()).pass).toBe(true);
    clock.advance(60_000);
    const later = Array.from({ length: 100 }, () => guard.judge(message({}, body("hi"))));
    expect(later.filter((verdict) => !verdict.pass && verdict.refuse !== undefined)).toHaveLength(1);
  });

  it("hears the people of others however many one server makes up, and strangers' servers together no louder", () => {
    const guard = admission();
    const flood = (from: (at: number) => string, attrs: Record<string, string> = {}) =>
      Array.from({ length: 5_000 }, (_, at) => guard.judge(iq({ type: "get", from: from(at), ...attrs })));
    const made = flood((at) => `p${at}@friends.test/x`);
    expect(made.filter(({ pass }) => pass)).toHaveLength(500);
    expect(made.filter((verdict) => !verdict.pass && verdict.refuse !== undefined)).toEqual([]);
    expect(flood((at) => `s${at}.evil.test`).filter(({ pass }) => pass)).toHaveLength(500);
    const forbidden = flood((at) => `p${at}@evil.test/x`);
    expect(forbidden.filter((verdict) => !verdict.pass && verdict.refuse !== undefined)).toEqual([]);
    for (const from of ["alice@example.test/phone", "eve@far.test/y"])
      expect(guard.judge(message({ from })).pass).toBe(true);
    const own = flood((at) => `p${at}@example.test/x`);
    expect(own.filter(({ pass }) => pass).length).toBeGreaterThan(900);
  });

  it("bears twenty thousand messages of as many senders in bounded memory", () => {
    const map = new RecentMap<number, number>(100);
    for (let at = 0; at < 20_000; at++) map.set(at, at);
    expect(map.size).toBe(100);
    expect(map.get(19_999)).toBe(19_999);
    expect(map.get(0)).toBeUndefined();
  });
});
