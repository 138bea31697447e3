import { setImmediate as turn } from "node:timers/promises";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { type Scope, Scopes } from "./scope.ts";

function scope(dueMs: number): Scope {
  return { dueMs, trace: ROOT_CONTEXT, isOver: false };
}

describe("scopes", () => {
  it("are followed through what a handler awaits, each its own, until it has answered", async () => {
    const scopes = new Scopes();
    const [one, two] = [scope(1), scope(2)];
    const handler = (own: Scope, turns: number) =>
      scopes.run(own, async () => {
        for (let i = 0; i < turns; i++) await turn();
        const during = scopes.current();
        scopes.end(own);
        return [during, scopes.current()];
      });
    expect(await Promise.all([handler(one, 1), handler(two, 3)])).toEqual([
      [one, undefined],
      [two, undefined],
    ]);
    expect(scopes.current()).toBeUndefined();
  });

  it("are followed again after a time in which no handler ran", async () => {
    const scopes = new Scopes();
    for (const own of [scope(1), scope(2), scope(3)]) {
      await scopes.run(own, async () => {
        await turn();
        expect(scopes.current()).toBe(own);
        scopes.end(own);
      });
      await turn();
      expect(scopes.current()).toBeUndefined();
    }
  });

  it("do not reach work that an ended handler left behind, also while another runs", async () => {
    const scopes = new Scopes();
    const [ended, running] = [scope(1), scope(2)];
    let left: Promise<unknown> | undefined;
    scopes.run(ended, () => {
      left = turn().then(() => scopes.current());
      scopes.end(ended);
    });
    const seen = scopes.run(running, async () => {
      const found = await left;
      await turn();
      return [found, scopes.current(), scopes.runOutside(() => scopes.current())];
    });
    expect(await seen).toEqual([undefined, running, undefined]);
    scopes.end(running);
    expect(scopes.runOutside(() => scopes.current())).toBeUndefined();
  });
});
