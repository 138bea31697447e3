import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Transaction } from "../../../bitcoin/transaction.ts";
import { scriptNumber } from "../../../tests/harness/joinmarket/parties.ts";
import { MAKER_TERMS } from "../../../tests/harness/walletd/coinjoin-sides.ts";
import {
  changed,
  ELSEWHERE,
  ELSEWHERE_SCRIPT,
  FEES,
  OTHERS,
  ownScript,
  paying,
  RobbedWallets,
} from "../../../tests/harness/walletd/robbed-wallets.ts";
import type { Owned, WalletdUnderTest } from "../../../tests/harness/walletd/walletd-under-test.ts";

/**
 * Each of these actors may be broken into. Here one that wants our money stands in its place, on a real broker with the
 * release's rights, and tries one thing after the other.
 */
let scene: RobbedWallets;
let under: WalletdUnderTest;
let mine: Owned;
beforeEach(async () => {
  scene = await RobbedWallets.start();
  ({ under, mine } = scene);
});
afterEach(() => scene.stop());

describe("a taker that has been broken into", () => {
  const refusedBy = (why: string) => ({ code: "WALLETD_WILL_NOT_SIGN", data: { why } });

  it("gets signatures for what was reserved, so that the refusals below mean something", async () => {
    const { sign, good } = await scene.takerSide();

    expect((await sign(good)).signatures).toHaveLength(1);
  });

  it("cannot reserve for a destination, or for fees, that its grant does not name", async () => {
    const grant = await scene.grantTo("taker", { destinations: [ELSEWHERE] });
    const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: ELSEWHERE, ...FEES };
    const theirs = OTHERS.keys.key({ mixdepth: 0, chain: 0, index: 3 }).address;
    const taker = under.as("taker");

    await expect(taker.reserveAsTaker({ ...wish, destination: theirs })).rejects.toMatchObject({
      data: { limit: "destinations" },
    });
    await expect(taker.reserveAsTaker({ ...wish, makerFeesSatMax: 1_001 })).rejects.toMatchObject({
      data: { limit: "makerFeesSatMax" },
    });
    await expect(taker.reserveAsTaker({ ...wish, miningFeeSatMax: 5_001 })).rejects.toMatchObject({
      data: { limit: "miningFeeSatMax" },
    });
  });

  it("cannot pay somebody else, another amount, or keep the change", async () => {
    const { sign, good } = await scene.takerSide();
    const { outputs } = good;
    const destination = (output: Transaction["outputs"][number]) => paying(ELSEWHERE_SCRIPT)(output);
    const changeSat = outputs.find(paying(ownScript(1, 1, 0)))?.amountSat ?? 0n;

    await expect(sign(changed(good, destination, { scriptPubKey: scriptNumber(66) }))).rejects.toMatchObject(
      refusedBy("destination-not-once"),
    );
    await expect(sign(changed(good, destination, { amountSat: 199_999n }))).rejects.toMatchObject(
      refusedBy("destination-amount"),
    );
    await expect(
      sign(changed(good, paying(ownScript(1, 1, 0)), { scriptPubKey: scriptNumber(66) })),
    ).rejects.toMatchObject(refusedBy("costs-too-much"));
    await expect(
      sign(changed(good, paying(ownScript(1, 1, 0)), { amountSat: changeSat - 5_000n })),
    ).rejects.toMatchObject(refusedBy("costs-too-much"));
  });

  it("cannot make a plain payment of it, with fewer others than it says", async () => {
    const { sign, good } = await scene.takerSide();

    await expect(sign(good, 4)).rejects.toMatchObject(refusedBy("too-few-equal-outputs"));
    const alone = {
      ...good,
      outputs: good.outputs.filter(
        (output) => output.amountSat !== 200_000n || paying(ELSEWHERE_SCRIPT)(output),
      ),
    };
    await expect(sign(alone, 2)).rejects.toMatchObject(refusedBy("too-few-equal-outputs"));
  });

  it("gets no second signature, no other's coins, and commits no coins that it has not reserved", async () => {
    const { sign, good, side, grant } = await scene.takerSide();
    await sign(good);
    await expect(sign({ ...good, locktime: good.locktime + 1 })).rejects.toMatchObject(
      refusedBy("already-signed"),
    );
    const { opening } = await under
      .as("taker")
      .commitment({ grant, reservation: side.reservation, ageMin: 0, percentMin: 0 });
    expect(side.coins.map(({ txid }) => txid)).toContain(opening.txid);
    const { side: makers } = await scene.makerSide();
    await expect(
      under.as("taker").commitment({ grant, reservation: makers.reservation, ageMin: 0 }),
    ).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });
  });

  it("never gets a coin that a maker, or a payment, has at the same time", async () => {
    const grant = await scene.grantTo("maker");
    const taken = await scene.grantTo("taker");
    const asked = await Promise.allSettled([
      under.as("maker").reserveAsMaker({ grant, mixdepth: 1, ...MAKER_TERMS }),
      under
        .as("taker")
        .reserveAsTaker({ grant: taken, mixdepth: 1, amountSat: 200_000, destination: null, ...FEES }),
      under.as("operator").send(
        {
          ...mine,
          mixdepth: 1,
          payments: [{ address: ELSEWHERE, amountSat: 1_000 }],
          fee: { satPerVb: 1 },
        },
        { key: "p" },
      ),
    ]);

    // There is one coin.
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});
