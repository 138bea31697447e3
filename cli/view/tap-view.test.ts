/** What `tap` lets a person see: everything but what the contract hides. */
import { expect, test } from "vitest";
import { z } from "zod";
import type { Delivery } from "../../bus/carrier/transport.ts";
import { contract } from "../../bus/contract/contract.ts";
import { hide, TapReader, tapLines } from "./tap-view.ts";
import { plainPaint } from "./terminal.ts";

const walletd = contract("walletd", { semver: "1.0.0", doc: "d", instances: "any" })
  .rpc("unlock", {
    doc: "d",
    input: z.object({ password: z.string(), wallet: z.string() }),
    output: z.object({ seed: z.string() }),
    deadlineMs: 1_000,
    idempotency: "idempotent",
    callers: ["gateway"],
    redact: ["password", "seed"],
  })
  .event("moved", {
    doc: "d",
    body: z.object({ coins: z.array(z.object({ txid: z.string(), ageMs: z.number() })) }),
    readers: "*",
    keyed: true,
    redact: ["coins.txid"],
  });

function delivery(subject: string, body: unknown, reply?: string): Delivery {
  return {
    subject,
    reply,
    headers: [["Troupe", "i=1"]],
    body: typeof body === "string" ? Buffer.from(body) : Buffer.from(JSON.stringify(body)),
    status: 0,
  };
}

const AT = "2026-01-01T00:00:01.234Z";

test("secrets of requests, replies and events are hidden by their contract", () => {
  const reader = new TapReader([walletd]);
  const request = delivery(
    "troupe.v1.rpc.walletd.any.unlock.gateway",
    { password: "hunter2", wallet: "w" },
    "_INBOX.gateway.1",
  );

  expect(reader.read(request, 10, AT).body).toEqual({ password: "[secret]", wallet: "w" });
  expect(reader.read(delivery("_INBOX.gateway.1", { seed: "abandon" }), 14, AT)).toMatchObject({
    body: { seed: "[secret]" },
    latencyMs: 4,
    repliesTo: "troupe.v1.rpc.walletd.any.unlock.gateway",
  });
  const event = delivery("troupe.v1.evt.walletd.main.moved.a7", {
    coins: [
      { txid: "aa", ageMs: 1 },
      { txid: "bb", ageMs: 2 },
    ],
  });
  expect(reader.read(event, 20, AT).body).toEqual({
    coins: [
      { txid: "[secret]", ageMs: 1 },
      { txid: "[secret]", ageMs: 2 },
    ],
  });
});

test("a body that no contract speaks of is not shown at all", () => {
  const reader = new TapReader([walletd]);

  const unknown = reader.read(delivery("troupe.v1.evt.walletd.main.other", { password: "hunter2" }), 0, AT);
  const stray = reader.read(delivery("_INBOX.gateway.9", { seed: "abandon" }), 0, AT);
  const bytes = reader.read(delivery("troupe.v1.evt.walletd.main.moved.a7", "\u0000seed"), 0, AT);

  for (const tapped of [unknown, stray, bytes]) expect(tapped).not.toHaveProperty("body");
});

test("what a message carries cannot drive the terminal, and fits it", () => {
  const reader = new TapReader([walletd]);
  const evil = delivery(
    "troupe.v1.evt.walletd.main.moved.a7",
    `{"coins":[],"x":"\\u001b[2J${"y".repeat(500)}"}`,
  );

  const lines = tapLines(reader.read(evil, 0, AT), plainPaint, 80);

  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines.join("")).not.toContain("\u001b");
  expect(lines[0]).toBe("00:00:01.234  evt.walletd.main.moved.a7  528 B");
});

test("a path that leads nowhere hides nothing and breaks nothing", () => {
  const value = { a: [{ b: null }], c: 1 };

  hide(value, ["a", "b", "x"]);
  hide(value, ["c", "d"]);
  hide(value, ["__proto__", "polluted"]);

  expect(value).toEqual({ a: [{ b: null }], c: 1 });
});
