import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SubscriptionTable, scripthashOf, scriptKey } from "./subscription-table.ts";

const SESSIONS = Array.from({ length: 4 }, (_, id) => ({ id }));
const HASHES = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(64));
const STATUSES = [null, "a".repeat(64), "0b".repeat(32)];

type Step = {
  readonly kind: "subscribe" | "unsubscribe" | "forget" | "update";
  readonly session: number;
  readonly hash: number;
  readonly status: number;
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("subscribe", "subscribe", "subscribe", "unsubscribe", "forget", "update"),
    session: fc.nat(SESSIONS.length - 1),
    hash: fc.nat(HASHES.length - 1),
    status: fc.nat(STATUSES.length - 1),
  }),
  { maxLength: 200 },
);

describe("the table of subscriptions", () => {
  it("does as a plain map of sets does, whatever comes in whatever order", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const table = new SubscriptionTable<{ readonly id: number }>();
        const model = new Map<string, { status: string | null; sessions: Set<{ readonly id: number }> }>();
        for (const { kind, session: s, hash: h, status: st } of all) {
          const session = SESSIONS[s] as { readonly id: number };
          const hash = HASHES[h] as string;
          const key = scriptKey(hash);
          const status = STATUSES[st] as string | null;
          const row = model.get(hash);
          if (kind === "subscribe") {
            expect(table.subscribe(session, key, status)).toBe(row?.sessions.has(session) !== true);
            if (row === undefined) model.set(hash, { status, sessions: new Set([session]) });
            else row.sessions.add(session);
          } else if (kind === "unsubscribe") {
            expect(table.unsubscribe(session, key)).toBe(row?.sessions.delete(session) === true);
            if (row?.sessions.size === 0) model.delete(hash);
          } else if (kind === "forget") {
            table.forget(session);
            for (const [of, { sessions }] of model) {
              sessions.delete(session);
              if (sessions.size === 0) model.delete(of);
            }
          } else {
            const told = row === undefined || row.status === status ? [] : [...row.sessions];
            expect(new Set(table.update(key, status))).toEqual(new Set(told));
            if (row !== undefined) row.status = status;
          }
          expect(table.scripts).toBe(model.size);
          expect(table.subscriptions).toBe(
            [...model.values()].reduce((sum, { sessions }) => sum + sessions.size, 0),
          );
          for (const of of HASHES) {
            expect(table.statusOf(scriptKey(of))).toBe(model.get(of)?.status);
            expect(table.isSubscribed(session, scriptKey(of))).toBe(
              model.get(of)?.sessions.has(session) === true,
            );
          }
          expect([...table.keys()].map(scripthashOf).sort()).toEqual([...model.keys()].sort());
        }
      }),
    );
  });

  it("grows far beyond what it began with, and uses again what was given up", () => {
    const table = new SubscriptionTable<object>();
    const session = {};
    const hashes = Array.from({ length: 3_000 }, (_, i) => i.toString(16).padStart(64, "0"));
    for (let round = 0; round < 3; round++) {
      for (const hash of hashes) table.subscribe(session, scriptKey(hash), hash);
      for (const hash of hashes) expect(table.statusOf(scriptKey(hash))).toBe(hash);
      expect(table.subscriptions).toBe(3_000);
      table.forget(session);
      expect([table.scripts, table.subscriptions]).toEqual([0, 0]);
    }
  });
});
