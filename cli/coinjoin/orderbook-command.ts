/** `supervisor orderbook`: the market's offers by price, for an amount or as they are. */
import { type TakerOffer, takerContract } from "../../bus/contracts/taker.ts";
import { EXIT } from "../errors.ts";
import { operatorBus } from "../operator-access.ts";
import { ASKING_MAKERS, withPatience } from "../patience.ts";
import { type PlaceOptions, paintOf, requestOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { harmless } from "../view/terminal.ts";
import { btc, parseAmountSat, sats } from "../wallet/amounts.ts";
import { type TableColumn, tableLines } from "../wallet/table.ts";

interface OrderbookOptions extends PlaceOptions {
  readonly amount?: string;
  readonly json?: boolean;
}

/** Prices are compared at this amount when none is given. */
const USUAL_SAT = 100_000_000;

export async function orderbook(options: OrderbookOptions, terminal: Terminal): Promise<number> {
  const amountSat = options.amount === undefined ? undefined : parseAmountSat(options.amount);
  const bus = await operatorBus(requestOf(options, terminal), "supervisor orderbook");
  try {
    const answer = await withPatience(bus.client(takerContract).orderbook({}), ASKING_MAKERS, terminal);
    const offers = answer.offers
      .filter(
        ({ minSizeSat, maxSizeSat }) =>
          amountSat === undefined || (minSizeSat <= amountSat && amountSat <= maxSizeSat),
      )
      .sort((a, b) => roughCostSat(a, amountSat) - roughCostSat(b, amountSat));
    if (options.json) {
      sayJson(terminal, { ...answer, offers });
      return EXIT.ok;
    }
    const paint = paintOf(terminal);
    say(
      terminal,
      `${answer.makers} makers, ${offers.length} offers${amountSat === undefined ? "" : ` for ${btc(amountSat)} BTC`}.`,
    );
    if (offers.length > 0)
      for (const line of tableLines(columnsFor(amountSat), offers, paint)) say(terminal, line);
    for (const { id, state, error } of answer.channels) {
      if (state !== "up")
        say(terminal, paint("warn", `${id} is ${state}${error === null ? "" : `: ${harmless(error)}`}`));
    }
    return EXIT.ok;
  } finally {
    await bus.close();
  }
}

/** For the order in which they are shown; the taker itself reckons exactly. */
function roughCostSat({ type, fee, txfeeSat }: TakerOffer, amountSat = USUAL_SAT): number {
  return (type.endsWith("reloffer") ? Math.round(Number(fee) * amountSat) : Number(fee)) - txfeeSat;
}

function columnsFor(amountSat: number | undefined): readonly TableColumn<TakerOffer>[] {
  return [
    { title: "MAKER", value: ({ nick }) => harmless(nick) },
    { title: "OFFER", value: ({ type, oid }) => `${harmless(type)} ${harmless(oid)}` },
    { title: "FROM BTC", align: "right", value: ({ minSizeSat }) => btc(minSizeSat) },
    { title: "TO BTC", align: "right", value: ({ maxSizeSat }) => btc(maxSizeSat) },
    {
      title: "FEE",
      align: "right",
      value: ({ type, fee }) =>
        type.endsWith("reloffer") ? `${Number((Number(fee) * 100).toPrecision(6))} %` : sats(Number(fee)),
    },
    ...(amountSat === undefined
      ? []
      : [
          {
            title: "COSTS",
            align: "right" as const,
            value: (offer: TakerOffer) => sats(roughCostSat(offer, amountSat)),
          },
        ]),
    {
      title: "BOND",
      align: "right",
      value: ({ bondValue }) => (bondValue === 0 ? "" : bondValue.toExponential(2)),
    },
  ];
}
