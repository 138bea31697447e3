/** The order book as its watcher shows it: asked of the market when somebody wants it, and kept for a while. */
import { z } from "zod";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
import type { takerContract } from "../../../../../bus/contracts/taker.ts";
import type { Clock } from "../../../../../runtime/clock.ts";
import type { RouteParts } from "../routes/parts.ts";
import { NothingSchema } from "../routes/schemas.ts";
import { type Endpoint, endpoint } from "../wire/endpoint.ts";

type Book = RpcOutput<typeof takerContract, "orderbook">;

const Row = z.record(z.string(), z.unknown());

/** Nobody needs a token for it, and each asking is heard by the whole market. */
const FRESH_MS = 60_000;
const REFRESHED_MS = 10_000;

class Shelf {
  readonly #ask: () => Promise<Book | undefined>;
  readonly #clock: Clock;
  #asked: { readonly atMs: number; readonly book: Promise<Book | undefined> } | undefined;

  constructor(ask: () => Promise<Book | undefined>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Not older than this, and asked for once however many want it. */
  book(ageMsMax: number): Promise<Book | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#asked !== undefined && nowMs - this.#asked.atMs < ageMsMax) return this.#asked.book;
    const asked = { atMs: nowMs, book: this.#ask() };
    this.#asked = asked;
    asked.book.catch(() => {
      if (this.#asked === asked) this.#asked = undefined;
    });
    return asked.book;
  }
}

export function orderbookEndpoints({ mixing, clock }: RouteParts): Endpoint[] {
  const shelf = new Shelf(() => mixing.orderbook(), clock);
  return [
    endpoint("GET", "/obwatch/orderbook.json", "orderbook", {
      doc: "The offers of makers, and what their fidelity bonds are worth.",
      answer: z.object({ offers: z.array(Row), fidelitybonds: z.array(Row) }),
      refusals: ["BackendNotReady"],
      handle: async () => ({
        offers: (await shelf.book(FRESH_MS))?.offers.map(rowOf) ?? [],
        fidelitybonds: [],
      }),
    }),
    // JoinMarket-NG takes both methods.
    ...(["POST", "GET"] as const).map((method) =>
      endpoint(
        method,
        "/obwatch/refreshorderbook",
        method === "GET" ? "refreshorderbookbyget" : "refreshorderbook",
        {
          doc: "Asks the makers anew.",
          answer: NothingSchema,
          refusals: ["BackendNotReady"],
          handle: async () => {
            await shelf.book(REFRESHED_MS);
            return {};
          },
        },
      ),
    ),
  ];
}

/** The names of joinmarket-clientserver's watcher. */
function rowOf({
  nick,
  oid,
  type,
  minSizeSat,
  maxSizeSat,
  txfeeSat,
  fee,
  bondValue,
}: Book["offers"][number]) {
  return {
    counterparty: nick,
    ordertype: type,
    oid: Number(oid),
    minsize: minSizeSat,
    maxsize: maxSizeSat,
    txfee: txfeeSat,
    cjfee: type.endsWith("absoffer") ? Number(fee) : fee,
    fidelity_bond_value: bondValue,
  };
}
