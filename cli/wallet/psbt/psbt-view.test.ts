import { expect, it } from "vitest";
import { paintFor } from "../../view/terminal.ts";
import { psbtText } from "./psbt-text.ts";
import { type PsbtView, psbtLines } from "./psbt-view.ts";

const plain = paintFor({ isTTY: false } as NodeJS.WriteStream, {});
const TXID = "ab".repeat(32);
const view: PsbtView = {
  txid: TXID,
  version: 0,
  inputs: [
    {
      ...{ txid: TXID, index: 0, amountSat: 300_000, address: "bc1qours", isOurs: true },
      ...{ path: "m/84'/0'/0'/0/1", isSigned: false, trouble: null },
    },
    {
      ...{ txid: TXID, index: 1, amountSat: null, address: null, isOurs: false },
      ...{ path: null, isSigned: true, trouble: null },
    },
  ],
  outputs: [
    { amountSat: 200_000, address: "bc1qtheirs", script: "00", isOurs: false, path: null },
    { amountSat: 99_000, address: "bc1qback", script: "01", isOurs: true, path: "m/84'/0'/0'/1/0" },
  ],
  ...{ paysOutSat: 201_000, feeSat: null, sizeVb: 209, satPerVb: null },
  ...{ isFromHere: false, isComplete: false, refusal: null },
};

it("says who is paid, what comes back, what it costs us, and what nobody can prove", () => {
  const text = psbtLines(view, plain).join("\n");

  expect(text).toMatch(/^pays +0\.00 200 000 BTC to bc1qtheirs$/m);
  expect(text).toMatch(/^back +0\.00 099 000 BTC to us, bc1qback m\/84'\/0'\/0'\/1\/0$/m);
  expect(text).toMatch(/^from +1 coin of ours of 0\.00 300 000 BTC, and 1 coin of others$/m);
  expect(text).toMatch(/^fee +not known/m);
  expect(text).toMatch(/^costs us +0\.00 201 000 BTC in all$/m);
  expect(text).toMatch(/^signed +1 of 2 inputs$/m);
  expect(text).not.toContain("not here");
});

it("says the fee in satoshi, by the virtual byte and in percent", () => {
  const known = { ...view, feeSat: 1_000, satPerVb: 1_000 / 209, refusal: "\u001b[2Jinput 0: no" };
  const text = psbtLines(known, plain).join("\n");

  expect(text).toMatch(/^fee +1,000 sat, 4\.78 sat\/vB for 209 vB, 0\.50 % of what is paid$/m);
  expect(text).toMatch(/^not here .*input 0: no$/m);
  expect(text).not.toContain("\u001b[2J");
});

it("takes a PSBT as bytes, as base64 over several lines, as hex, and a whole transaction as hex", () => {
  const bytes = Buffer.from("70736274ff0100", "hex");
  const base64 = bytes.toString("base64");

  expect(psbtText(bytes)).toEqual({ psbt: base64 });
  expect(psbtText(Buffer.from(`${base64.slice(0, 4)}\r\n${base64.slice(4)}\n`))).toEqual({ psbt: base64 });
  expect(psbtText(Buffer.from(bytes.toString("hex")))).toEqual({ psbt: base64 });
  expect(psbtText(Buffer.from("0200ff"))).toEqual({
    signedTx: Buffer.from("0200ff", "hex").toString("base64"),
  });
  for (const none of ["", "hello", "0200f", "pay.psbt"]) expect(psbtText(Buffer.from(none))).toBeUndefined();
});
