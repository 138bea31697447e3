import { expect, test } from "vitest";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { denials } from "./denials.ts";

const TXID = "ab".repeat(32);

/** One of each kind, as its thrower makes it. */
const SAMPLES = [
  denials.noSession("w"),
  denials.watchOnly("w"),
  denials.accountKey("it is private"),
  denials.tooManyOpen("w", 4),
  denials.words("The third word is unknown."),
  denials.passwordNeeded("w"),
  denials.notSynced("w", 0.999),
  denials.funds(2, 1),
  denials.coin({ txid: TXID, index: 1 }, "frozen"),
  denials.address("bcrt1qqqqqqqqqqqq"),
  denials.dust(1, 294),
  denials.fee(0.1, 1, 350),
  denials.limit("send_sat_per_day", 5, 4),
  denials.notTaken(TXID, "policy", "dust"),
  denials.notKnownSent(TXID, "the node is away"),
  denials.notBumpable(TXID, "it is confirmed"),
  denials.psbt("it has no inputs"),
  denials.noSuchPlace("mixdepth 9"),
  denials.tooMany("labels", 3),
  denials.tooFast("new addresses", 300, 7_200),
  denials.setting("POLICY.gaplimit", "a number"),
  denials.noGrant(),
  denials.beyondGrant("totalSatMax"),
  denials.reservations(20),
  denials.noReservation(),
  denials.willNotSign("our-output-missing"),
  denials.noCommitment(1, 2, 3),
  denials.externalCoin({ txid: TXID, index: 1 }, "gone"),
  denials.commitmentsFile(),
  denials.lendingOver(),
];

test("every denial is one that some method declares, with data that its schema takes", () => {
  const declared = Object.values(walletdContract.rpcs).flatMap(({ errors }) =>
    Object.entries((errors ?? {}) as Record<string, { safeParse(data: unknown): { success: boolean } }>),
  );

  const unfit = SAMPLES.filter(({ code, data }) => {
    const schemas = declared.filter(([declaredCode]) => declaredCode === code);
    return schemas.length === 0 || schemas.some(([, schema]) => !schema.safeParse(data).success);
  });

  expect(unfit).toEqual([]);
  expect(new Set(SAMPLES.map(({ code }) => code)).size).toBe(Object.keys(denials).length);
});

test("a denial is an error with a sentence", () => {
  expect(
    SAMPLES.every((sample) => sample instanceof TroupeError && /^\S.{15,}\.$/.test(sample.message)),
  ).toBe(true);
  expect(denials.notSynced("w", 0.999).message).toContain("(99 %)");
});
