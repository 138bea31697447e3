import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { type indexerLike, walletdLike } from "../tests/harness/contracts.ts";
import type { Bus, CallContext, Client, Handlers, Publisher } from "./bus.ts";
import { contract } from "./contract/contract.ts";

/** Checked by the compiler: `tsc` fails when one of these lines is not true. */
describe("the types of a contract", () => {
  test("a stub takes the input, with defaults left out, and gives the output", () => {
    type SignTx = Client<typeof walletdLike>["signTx"];

    expectTypeOf<Parameters<SignTx>[0]>().toEqualTypeOf<{ psbt: string; feeSat?: number | undefined }>();
    expectTypeOf<Awaited<ReturnType<SignTx>>>().toEqualTypeOf<{ signatures: string[] }>();
  });

  test("a stub has the contract's methods and no other", () => {
    expectTypeOf<keyof Client<typeof indexerLike>>().toEqualTypeOf<"tip" | "broadcast" | "rows">();
  });

  test("bytes are bytes on both sides", () => {
    type Rows = Client<typeof indexerLike>["rows"];

    expectTypeOf<Parameters<Rows>[0]>().toEqualTypeOf<Uint8Array>();
    expectTypeOf<Awaited<ReturnType<Rows>>>().toEqualTypeOf<Uint8Array>();
  });

  test("a handler gets the input with its defaults, and who asks", () => {
    type SignTx = Handlers<typeof walletdLike>["signTx"];

    expectTypeOf<Parameters<SignTx>[0]>().toEqualTypeOf<{ psbt: string; feeSat: number }>();
    expectTypeOf<Parameters<SignTx>[1]>().toEqualTypeOf<CallContext>();
  });

  test("a missing handler does not compile", () => {
    const handlers = { balances: () => ({ confirmedSat: 1 }), unlock: () => ({}) };

    // @ts-expect-error signTx is missing
    const incomplete: Handlers<typeof walletdLike> = handlers;
    expectTypeOf(handlers).not.toExtend<Handlers<typeof walletdLike>>();
    expect(Object.keys(incomplete)).not.toContain("signTx");
  });

  test("a wrong input, a wrong output and a wrong event do not compile", () => {
    type Stub = Client<typeof walletdLike>;
    const asks = (stub: Stub): unknown => [
      // @ts-expect-error a number is no psbt
      () => stub.signTx({ psbt: 5 }),
      // @ts-expect-error the contract has no such method
      () => stub.steal({}),
    ];
    const says = (bus: Bus, publisher: Publisher<typeof walletdLike>): unknown => [
      // @ts-expect-error confirmedSat is missing
      () => publisher.event("balance.changed", {}),
      // @ts-expect-error no such event
      () => bus.onEvent(walletdLike, "balance.stolen", () => undefined),
    ];
    // @ts-expect-error an output without its field
    const balances: Handlers<typeof walletdLike>["balances"] = () => ({});

    expect([typeof asks, typeof says, typeof balances]).toEqual(["function", "function", "function"]);
  });
});

describe("a contract", () => {
  const base = contract("thing", { semver: "1.0.0", doc: "x", instances: "any" });
  const method = {
    doc: "x",
    input: z.object({}),
    output: z.object({}),
    deadlineMs: 1_000,
    idempotency: "idempotent" as const,
    callers: ["gateway"],
  };
  const event = { doc: "x", body: z.object({}), readers: ["gateway"] };

  test.each([
    [
      "an actor's name that is no token",
      () => contract("Thing", { semver: "1.0.0", doc: "x", instances: "any" }),
    ],
    ["a method's name that is no token", () => base.rpc("do.it", method)],
    ["a method that every contract has", () => base.rpc("health", method)],
    ["a caller's name that is no token", () => base.rpc("ask", { ...method, callers: ["gate way"] })],
    ["a deadline longer than a broker remembers", () => base.rpc("ask", { ...method, deadlineMs: 120_000 })],
    ["no concurrency", () => base.rpc("ask", { ...method, concurrency: 0 })],
    ["a method twice", () => base.rpc("ask", method).rpc("ask", method)],
    [
      "an event below a keyed one",
      () => base.event("touched", { ...event, keyed: true }).event("touched.secret", event),
    ],
    [
      "a keyed event above another",
      () => base.event("touched.secret", event).event("touched", { ...event, keyed: true }),
    ],
  ])("refuses %s", (_what, declare) => {
    expect(declare).toThrow();
  });
});
