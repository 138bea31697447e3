import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { KeptSessions } from "./kept-sessions.ts";

const SESSION = "5e".repeat(32);
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-sessions-"));
  path = join(directory, "wallet-sessions.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

it("keeps one session for each wallet, for the owner's eyes only, until it is forgotten", () => {
  const kept = new KeptSessions(directory);
  kept.keep("savings", SESSION);
  kept.keep("hot", "ab".repeat(32));
  kept.keep("hot", "cd".repeat(32));

  expect(new KeptSessions(directory).of("savings")).toBe(SESSION);
  expect(kept.of("hot")).toBe("cd".repeat(32));
  expect(statSync(path).mode & 0o777).toBe(0o600);

  kept.forget("savings");
  kept.forget("never");
  expect([kept.of("savings"), kept.of("hot")]).toEqual([undefined, "cd".repeat(32)]);
});

it.each(["", "{", "[]", '{"savings":"short"}', '{"savings":1}', `{"a":"${"x".repeat(70_000)}"}`, "null"])(
  "knows none where the file holds %.20j, and mends it",
  (text) => {
    writeFileSync(path, text);
    const kept = new KeptSessions(directory);

    expect(kept.of("savings")).toBeUndefined();
    kept.keep("savings", SESSION);
    expect(kept.of("savings")).toBe(SESSION);
  },
);

it("has no session for a wallet whose name is a word of the language", () => {
  const kept = new KeptSessions(directory);

  expect(kept.of("constructor")).toBeUndefined();
  expect(kept.of("__proto__")).toBeUndefined();
});
