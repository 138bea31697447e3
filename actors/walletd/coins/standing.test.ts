import { describe, expect, it } from "vitest";
import { emptyWallet } from "../../../tests/harness/walletd/wallet-changes.ts";
import { knownWallet } from "../../../tests/harness/walletd/walletd-under-test.ts";
import type { WalletState } from "../store/wallet-state.ts";
import type { OwnCoin } from "./coin-view.ts";
import { reservedNow, type StandingRules, standingOf } from "./standing.ts";

const { keys } = knownWallet(51);
const OUTPOINT = `${"ab".repeat(32)}:0`;

function coin(more: Partial<OwnCoin> = {}): OwnCoin {
  return {
    ...{ txid: "ab".repeat(32), index: 0, amountSat: 1_000, height: 5, outpoint: OUTPOINT },
    ...{ key: keys.key({ mixdepth: 0, chain: 0, index: 0 }), confirmations: 1, isOnReusedAddress: false },
    ...more,
  };
}

function rules(
  more: Partial<StandingRules> & { readonly frozen?: WalletState["frozen"] } = {},
): StandingRules {
  const { frozen = {}, ...others } = more;
  const state = { ...emptyWallet().state, frozen };
  return { state, reserved: new Map(), medianTimeS: 0, freezeReuseSat: -1, ...others };
}

describe("a coin", () => {
  it("may be spent when nothing is said of it", () => {
    expect(standingOf(coin(), rules())).toMatchObject({ isSpendable: true, isFrozen: false, frozenBy: null });
  });

  it.each([
    [-1, 1_000, true],
    [0, 1_000, false],
    [999, 1_000, false],
    [1_000, 1_000, true],
  ])(
    "on an address that had one before is frozen by the rule %i when it is worth %i: %s",
    (rule, amountSat, isFrozen) => {
      const standing = standingOf(
        coin({ isOnReusedAddress: true, amountSat }),
        rules({ freezeReuseSat: rule }),
      );

      expect(standing).toMatchObject({
        isFrozen,
        frozenBy: isFrozen ? "reuse" : null,
        isSpendable: !isFrozen,
      });
    },
  );

  it("stays free when its owner has let it go, whatever the rule says", () => {
    const frozen = { [OUTPOINT]: { isFrozen: false, why: "owner" as const } };

    expect(standingOf(coin({ isOnReusedAddress: true }), rules({ frozen })).isSpendable).toBe(true);
  });

  it("that is set aside may not be spent, and says for what", () => {
    const standing = standingOf(coin(), rules({ reserved: new Map([[OUTPOINT, "r1"]]) }));

    expect(standing).toMatchObject({ reservation: "r1", isSpendable: false, isFrozen: false });
  });
});

describe("a bond's coin", () => {
  const key = keys.key({ mixdepth: 0, chain: 2, index: 12 });
  const locktimeS = key.spending.kind === "bond" ? key.spending.locktime : 0;

  it.each([
    [locktimeS, true],
    [locktimeS + 1, true],
    [locktimeS + 2, false],
  ])("is locked and frozen until the chain's time is past its own: at %i %s", (medianTimeS, isLocked) => {
    expect(standingOf(coin({ key }), rules({ medianTimeS }))).toMatchObject({
      ...{ isTimelocked: isLocked, isFrozen: isLocked, frozenBy: isLocked ? "bond" : null },
      ...{ locktimeS, isSpendable: !isLocked },
    });
  });

  it("is not spendable before its time even when its owner has let it go", () => {
    const frozen = { [OUTPOINT]: { isFrozen: false, why: "owner" as const } };

    expect(standingOf(coin({ key }), rules({ frozen, medianTimeS: 5 })).isSpendable).toBe(false);
  });
});

it("reservations hold up to their last millisecond, each for all of its coins", () => {
  const reservation = { owner: "o", purpose: "send", outpoints: ["a:0", "b:1"], untilMs: 100 };
  const state = { ...emptyWallet().state, reservations: { r: reservation } };

  expect([...reservedNow(state, 99)]).toEqual([
    ["a:0", "r"],
    ["b:1", "r"],
  ]);
  expect(reservedNow(state, 100).size).toBe(0);
});
