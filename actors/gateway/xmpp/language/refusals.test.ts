import { describe, expect, it } from "vitest";
import { ledgerContract } from "../../../../bus/contracts/ledger.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import { refusalOf } from "./refusals.ts";
import { LANGUAGES, textsOf } from "./texts.ts";

const of = (code: string, data: Readonly<Record<string, unknown>> = {}) =>
  refusalOf(new TroupeError({ code, ...data }, "for operators only"), textsOf("en"), "sat", 0);

describe("what the ledger refuses", () => {
  it("has words of its own for every code of its contract, in every language", () => {
    const codes = new Set(Object.values(ledgerContract.rpcs).flatMap((rpc) => Object.keys(rpc.errors ?? {})));
    // They are told by the commands themselves, or to the operator alone.
    for (const told of ["LEDGER_REQUOTED", "LEDGER_GRANT", "LEDGER_OTHER_WALLET"]) codes.delete(told);
    expect(codes.size).toBeGreaterThan(20);
    for (const code of codes)
      for (const texts of Object.values(LANGUAGES)) {
        const refusal = refusalOf(new TroupeError({ code }, "x"), texts, "sat", 0);
        expect(refusal?.text, code).toBeTruthy();
      }
  });

  it("tells a bank that is away from an answer that is late, and how far an order came", () => {
    expect(of("BUS_UNAVAILABLE")).toMatchObject({
      condition: "remote-server-timeout",
      text: expect.stringContaining("Try again"),
    });
    expect(of("BUS_DEADLINE")).toMatchObject({
      condition: "remote-server-timeout",
      text: expect.stringContaining("do not send it again"),
    });
    expect(of("LEDGER_LOCKED", { untilS: 61 })?.text).toContain("2 min");
    expect(of("LEDGER_ORDER_OVER", { state: "broadcast" })?.text).toContain("(sent)");
    expect(of("LEDGER_ORDER_OVER", { state: "signed" })?.text).toContain("cannot be given up");
    expect(of("LEDGER_TOO_MANY", { what: "orders", most: 20 })?.text).toContain("Finish or remove");
    expect(of("LEDGER_TOO_MANY", { what: "ordersOfDay", most: 20 })?.text).toContain("tomorrow");
    expect(of("LEDGER_TOO_MANY", { what: "names", most: 5 })?.text).toContain("kept for you");
    expect(of("ANYTHING")).toBeUndefined();
    expect(refusalOf(new Error("plain"), textsOf("en"), "sat", 0)).toBeUndefined();
  });
});
