/** Picks the makers of an attempt from the order book, within what the wallet's owner allows; for a sweep the amount with them. */
import { parseShare } from "../../../joinmarket/coinjoin/offer-fee.ts";
import {
  type Candidate,
  type CandidateRules,
  candidatesFor,
  type ProvenValue,
} from "../../../joinmarket/orderbook/candidates.ts";
import { chooseMakers } from "../../../joinmarket/orderbook/choosers.ts";
import type { BookMaker } from "../../../joinmarket/orderbook/orderbook.ts";
import { chooseForSweep } from "../../../joinmarket/orderbook/sweep-choice.ts";
import type { TakerConfig } from "../config.ts";
import { makerFeesSat } from "./costs.ts";

export interface PickWish {
  readonly count: number;
  readonly limits: { readonly absoluteSat: number; readonly relative: string };
  readonly ignored: ReadonlySet<string>;
  /** Asked before all others: they have kept their word. */
  readonly preferred: ReadonlySet<string>;
  /** What all of them together may ask. */
  readonly feesSatMax: number;
}

export interface SweepRoom {
  readonly coins: readonly { readonly valueSat: number }[];
  readonly minerFeeSat: number;
}

export interface MarketView {
  readonly makers: readonly BookMaker[];
  readonly bonds: ReadonlyMap<string, ProvenValue>;
}

export class Picker {
  readonly #config: TakerConfig;
  readonly #random: () => number;

  constructor(config: TakerConfig, random: () => number) {
    this.#config = config;
    this.#random = random;
  }

  candidates(view: MarketView, amountSat: number, wish: Pick<PickWish, "limits" | "ignored">) {
    return candidatesFor(view.makers, { ...this.#rules(view, wish), amountSat });
  }

  /** As many as can be picked, at most `count`. */
  makers(view: MarketView, amountSat: number, wish: PickWish): readonly Candidate[] {
    let left = this.candidates(view, amountSat, wish);
    for (;;) {
      const honest = left.filter(({ nick }) => wish.preferred.has(nick));
      const others = left.filter(({ nick }) => !wish.preferred.has(nick));
      const first = chooseMakers(honest, wish.count, this.#chooser());
      const chosen = [...first, ...chooseMakers(others, wish.count - first.length, this.#chooser())];
      if (makerFeesSat(chosen) <= wish.feesSatMax) return chosen;
      left = withoutDearest(left, chosen);
    }
  }

  /** Nothing when no such team leaves a fitting amount. */
  forSweep(view: MarketView, wish: PickWish, { coins, minerFeeSat }: SweepRoom) {
    const ignored = new Set(wish.ignored);
    for (;;) {
      const choice = chooseForSweep(view.makers, {
        ...this.#rules(view, { ...wish, ignored }),
        ...this.#chooser(),
        coins,
        makers: wish.count,
        minerFeeSat,
      });
      if (choice === undefined || makerFeesSat(choice.makers) <= wish.feesSatMax) return choice;
      ignored.add(dearest(choice.makers)?.nick ?? "");
    }
  }

  #rules(
    view: MarketView,
    { limits, ignored }: Pick<PickWish, "limits" | "ignored">,
  ): Omit<CandidateRules, "amountSat"> {
    const { absoluteSat, relative } = limits;
    const { fee_limits: mode } = this.#config;
    return { limits: { mode, absoluteSat, relative: parseShare(relative) }, ignored, bonds: view.bonds };
  }

  #chooser() {
    const { chooser, uniform_percent, bondless_free } = this.#config;
    return { chooser, uniformPercent: uniform_percent, isBondlessFree: bondless_free, random: this.#random };
  }
}

function withoutDearest(left: readonly Candidate[], chosen: readonly Candidate[]): readonly Candidate[] {
  const out = dearest(chosen);
  return left.filter((candidate) => candidate !== out);
}

function dearest(candidates: readonly Candidate[]): Candidate | undefined {
  return [...candidates].sort((a, b) => b.feeSat - a.feeSat)[0];
}
