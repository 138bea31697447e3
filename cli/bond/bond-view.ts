/** What a bond weighs and what it means to make one, as lines for a terminal. Pure. */
import type { Paint } from "../view/terminal.ts";
import { btc } from "../wallet/amounts.ts";
import { dayOf } from "../wallet/wallet-view.ts";
import type { Standing } from "./bond-standing.ts";

export function weightLines(bond: {
  readonly amountSat: number;
  readonly locktimeS: number;
  readonly value: number;
}): string[] {
  const { amountSat, locktimeS, value } = bond;
  return [
    `${btc(amountSat)} BTC locked until ${dayOf(locktimeS)} would weigh ${value.toPrecision(4)}.`,
    ...(value === 0 ? ["It would weigh nothing: that day is past."] : []),
  ];
}

export function standingLine({ rank, bonds, share }: Standing): string {
  if (rank === null)
    return `No bond that weighs anything; ${bonds === 1 ? "1 other is" : `${bonds} others are`} on the market.`;
  const percent = (share * 100).toFixed(share < 0.1 ? 2 : 1);
  return `On the market it is number ${rank} of ${bonds === 1 ? "1 bond" : `${bonds} bonds`}, and has ${percent} % of their weight: its share of the choices that go by bonds.`;
}

export function lockLines(locktimeS: number, paint: Paint): string[] {
  return [
    paint(
      "warn",
      `Nobody can spend it before ${dayOf(locktimeS)}: not you, and not with the wallet's words.`,
    ),
  ];
}
