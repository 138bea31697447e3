/** The order book as its watcher shows it: asked of the market when somebody wants it, and kept for a while. */
import { z } from "zod";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
import type { takerContract } from "../../../../../bus/contracts/taker.ts";
import type { Clock } from "../../../../../runtime/clock.ts";
import type { RouteParts } from "../routes/parts.ts";
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

const BookAnswer = z.object({ offers: z.array(Row), fidelitybonds: z.array(Row) });

/** JoinMarket-NG has these paths in both places, and takes both methods for the second. */
const PLACES = Object.freeze({ "": "", "/api/v1": "api" });
const METHODS = Object.freeze({ POST: "", GET: "byget" });

export function orderbookEndpoints({ mixing, clock }: RouteParts): Endpoint[] {
  const shelf = new Shelf(() => mixing.orderbook(), clock);
  return Object.entries(PLACES).flatMap(([place, name]) => [
    endpoint("GET", `${place}/obwatch/orderbook.json`, `${name}orderbook`, {
      doc: "The offers of makers, and their fidelity bonds with what these are worth.",
      answer: BookAnswer,
      refusals: ["BackendNotReady"],
      handle: async () => shown(await shelf.book(FRESH_MS)),
    }),
    ...(["POST", "GET"] as const).map((method) =>
      endpoint(method, `${place}/obwatch/refreshorderbook`, `${name}refreshorderbook${METHODS[method]}`, {
        doc: "Asks the makers anew.",
        answer: BookAnswer,
        refusals: ["BackendNotReady"],
        handle: async () => shown(await shelf.book(REFRESHED_MS)),
      }),
    ),
  ]);
}

/** The names of joinmarket-clientserver's watcher. */
function shown(book: Book | undefined): z.input<typeof BookAnswer> {
  return { offers: book?.offers.map(rowOf) ?? [], fidelitybonds: book?.bonds.map(bondRowOf) ?? [] };
}

function bondRowOf(bond: Book["bonds"][number]): z.input<typeof Row> {
  return {
    counterparty: bond.nick,
    utxo: { txid: bond.txid, vout: bond.index },
    bond_value: bond.value,
    locktime: bond.locktimeS,
    amount: bond.amountSat,
    script: bond.script,
    utxo_confirmations: bond.confirmations,
    utxo_confirmation_timestamp: bond.confirmedAtS,
    utxo_pub: bond.publicKey,
    cert_expiry: bond.certificateExpiry,
  };
}

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
