import { describe, expect, it } from "vitest";
import { emptyWallet } from "../../../tests/harness/walletd/wallet-changes.ts";
import { applyChange, SETTLED_KEYS_MAX } from "../store/wallet-change.ts";
import type { WalletState } from "../store/wallet-state.ts";
import { overChanges } from "./tidying.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 1_000 * DAY_MS;
const COIN = `${"ab".repeat(32)}:0`;

function state(more: Partial<WalletState>): WalletState {
  return { ...emptyWallet().state, ...more };
}

function tidied(
  before: WalletState,
  {
    isOpening = false,
    isSettled = false,
    nowMs = NOW_MS,
  }: { isOpening?: boolean; isSettled?: boolean; nowMs?: number } = {},
): WalletState {
  const after = structuredClone(before);
  for (const change of overChanges(after, { nowMs, isOpening, isSettled: () => isSettled }))
    applyChange(after, change);
  return after;
}

const reservation = (purpose: string, untilMs: number) => ({
  owner: "o1",
  purpose,
  outpoints: [COIN],
  untilMs,
});
const signed = (purpose: string, atMs: number) => ({
  ...{ txid: "cd".repeat(32), purpose, inputs: [COIN], requestHash: "h1", atMs },
  ...(purpose === "gateway" ? { rawTx: "00", inputsSat: [5], paidOutSat: 5 } : {}),
});

describe("reservations", () => {
  it("go when their time is over, and not before", () => {
    const before = state({
      reservations: { a: reservation("send", NOW_MS), b: reservation("maker", NOW_MS + 1) },
    });

    expect(Object.keys(tidied(before).reservations)).toEqual(["b"]);
  });

  it("of makers and takers go at opening unless they are signed; what was sent stays", () => {
    const before = state({
      reservations: {
        loose: reservation("maker", NOW_MS + 5),
        bound: reservation("taker", NOW_MS + 5),
        paid: reservation("send", NOW_MS + 5),
      },
      signed: { bound: signed("taker", NOW_MS) },
    });

    expect(Object.keys(tidied(before, { isOpening: true }).reservations)).toEqual(["bound", "paid"]);
    expect(Object.keys(tidied(before).reservations)).toEqual(["loose", "bound", "paid"]);
  });

  it("last a day at most, whatever clock made them", () => {
    const before = state({ reservations: { a: reservation("send", NOW_MS + 400 * DAY_MS) } });

    expect(tidied(before).reservations["a"]?.untilMs).toBe(NOW_MS + DAY_MS);
  });
});

describe("what was signed", () => {
  it("is kept whole while it may have to be sent again, or counts for the limit of a day", () => {
    const young = state({ signed: { a: signed("gateway", NOW_MS - DAY_MS) } });
    const unsettled = state({ signed: { a: signed("gateway", NOW_MS - 100 * DAY_MS) } });

    expect(tidied(young, { isSettled: true })).toEqual(young);
    expect(tidied(unsettled)).toEqual(unsettled);
  });

  it("becomes forty bytes once nothing can undo it, and its key signs nothing again", () => {
    const before = state({ signed: { a: signed("gateway", NOW_MS - 3 * DAY_MS) } });
    const after = tidied(before, { isSettled: true });

    expect(after.signed).toEqual({});
    expect(after.settledKeys).toEqual({ a: NOW_MS - 3 * DAY_MS });
    expect(tidied(after, { isSettled: true })).toEqual(after);
  });

  it("has its key kept for a hundred thousand payments more, the oldest going first", () => {
    const keys = Array.from({ length: SETTLED_KEYS_MAX }, (_, i) => [`k${i}`, 1_000 + i] as const);
    const settledKeys = Object.fromEntries(keys.toReversed());
    const before = state({ signed: { a: signed("gateway", NOW_MS - 3 * DAY_MS) }, settledKeys });
    const after = tidied(before, { isSettled: true });
    const kept = Object.keys(after.settledKeys);

    expect(kept).toHaveLength(SETTLED_KEYS_MAX * 0.9 + 1);
    expect(after.settledKeys).toHaveProperty("a");
    expect(after.settledKeys).not.toHaveProperty(`k${SETTLED_KEYS_MAX / 10 - 1}`);
    expect(after.settledKeys).toHaveProperty(`k${SETTLED_KEYS_MAX / 10}`);
    expect(tidied(after, { isSettled: true }).settledKeys).toEqual(after.settledKeys);
  });

  it("for a coinjoin goes a week after its reservation, whose id nobody can use again", () => {
    const reservations = { a: reservation("maker", NOW_MS + 5) };
    const held = state({ signed: { a: signed("maker", NOW_MS - 8 * DAY_MS) }, reservations });
    const free = state({
      signed: { a: signed("maker", NOW_MS - 8 * DAY_MS), b: signed("maker", NOW_MS - DAY_MS) },
    });

    expect(Object.keys(tidied(held).signed)).toEqual(["a"]);
    expect(Object.keys(tidied(free).signed)).toEqual(["b"]);
    expect(tidied(free).settledKeys).toEqual({});
  });
});

it("remembers a PSBT for the three months that it may be on its way to a signer, and no longer", () => {
  const made = (days: number) => ({ outpoints: [COIN], atMs: NOW_MS - days * DAY_MS });
  const before = state({ psbts: { young: made(89), old: made(90) } });

  expect(Object.keys(tidied(before).psbts)).toEqual(["young"]);
});
