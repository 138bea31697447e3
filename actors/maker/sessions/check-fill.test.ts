/** A fill's faults are answered in joinmarket-clientserver's order and words. */
import { expect, it } from "vitest";
import { ownOffer } from "../../../joinmarket/offer/offer.ts";
import { checkFill } from "./check-fill.ts";

const HASH = "ab".repeat(32);
const USED = "cd".repeat(32);
const KEY = "12".repeat(32);
const OFFER = { type: "sw0absoffer", offerId: "0", minSat: 30_000, maxSat: 50_000, txfeeSat: 0 } as const;
const RULES = {
  isUsed: (commitment: string) => commitment === USED,
  offers: [ownOffer({ ...OFFER, feeText: "500" }), ownOffer({ ...OFFER, maxSat: 60_000, feeText: "400" })],
};
const GOOD = { offerId: "0", amountSat: 30_000, encryptionKey: KEY, commitment: `P${HASH}` };

it.each([
  [{ commitment: `Q${USED}`, offerId: "9" }, "Unsupported commitment type: Q"],
  [{ commitment: "Pxyz", offerId: "9" }, undefined],
  [{ commitment: `P${USED.toUpperCase()}`, offerId: "9" }, `Commitment is blacklisted: ${USED}`],
  [{ offerId: "9", amountSat: 1 }, "oid not found"],
  [{ amountSat: 29_999, encryptionKey: "x" }, "amount out of range"],
  [{ amountSat: 60_001 }, "amount out of range"],
  [{ encryptionKey: "x" }, "Invalid nacl pubkey: x"],
])("answers %j with %j", (fault, answer) => {
  const verdict = checkFill({ ...GOOD, ...fault }, RULES);
  expect(verdict.isGood).toBe(false);
  expect(verdict.isGood ? "" : verdict.answer).toBe(answer);
});

it("takes both ends of the range, and of two offers the one that asks for less", () => {
  for (const [amountSat, feeText] of [
    [30_000, "400"],
    [50_000, "400"],
    [60_000, "400"],
  ] as const) {
    const verdict = checkFill({ ...GOOD, amountSat }, RULES);
    expect(verdict).toMatchObject({ isGood: true, commitment: HASH, offer: { feeText } });
  }
});
