/** The order book as its watcher shows it. Nobody watches the message channels yet, so there is nothing in it. */
import { z } from "zod";
import { NothingSchema } from "../routes/schemas.ts";
import { type Endpoint, endpoint } from "../wire/endpoint.ts";

const Row = z.record(z.string(), z.unknown());

export function orderbookEndpoints(): Endpoint[] {
  return [
    endpoint("GET", "/obwatch/orderbook.json", "orderbook", {
      doc: "The offers of makers and their fidelity bonds, as far as they are known.",
      answer: z.object({ offers: z.array(Row), fidelitybonds: z.array(Row) }),
      handle: () => ({ offers: [], fidelitybonds: [] }),
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
          handle: () => ({}),
        },
      ),
    ),
  ];
}
