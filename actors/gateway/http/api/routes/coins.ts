/** The wallet's unspent coins, and which of them it may spend. */
import { z } from "zod";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import type { RouteParts } from "./parts.ts";
import { NothingSchema, OutpointSchema } from "./schemas.ts";

type Coin = RpcOutput<typeof walletdContract, "coins">["coins"][number];

const CoinSchema = z.object({
  address: z.string(),
  path: z.string(),
  label: z.string(),
  value: z.int(),
  tries: z.int(),
  tries_remaining: z.int(),
  external: z.literal(false),
  mixdepth: z.int(),
  confirmations: z.int(),
  frozen: z.boolean(),
  utxo: z.string(),
  /** Of bonds only: UTC. */
  locktime: z.string().optional(),
});

const FreezeBody = z.object({ "utxo-string": OutpointSchema, freeze: z.boolean() });

export function coinEndpoints({ walletd, mixing }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("GET", "/utxos", "listutxos", {
      doc: "The unspent coins, unconfirmed ones too.",
      answer: z.object({ utxos: z.array(CoinSchema) }),
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session } }) => {
        const { coins } = await walletd.coins({ wallet: name, session });
        return { utxos: coins.map(coinOf) };
      },
    }),
    walletEndpoint("POST", "/freeze", "freeze", {
      doc: "Keeps a coin from being spent, or lets it be spent again. Not while coins are offered or mixed.",
      body: FreezeBody,
      answer: NothingSchema,
      refusals: ["ActionNotAllowed", "BackendNotReady"],
      handle: async ({ wallet: { name, session }, body }) => {
        const { "utxo-string": outpoint, freeze } = body;
        await mixing.requireNeither(name);
        await walletd.freeze({ wallet: name, session, outpoints: [outpoint], isFrozen: freeze });
        return {};
      },
    }),
  ];
}

function coinOf(coin: Coin): z.input<typeof CoinSchema> {
  const { address, path, label, amountSat, mixdepth, confirmations, isFrozen, txid, index, locktimeS } = coin;
  return {
    address,
    path,
    label,
    value: amountSat,
    tries: coin.commitmentsUsed,
    tries_remaining: coin.commitmentsLeft,
    external: false,
    mixdepth,
    confirmations,
    frozen: isFrozen,
    utxo: `${txid}:${index}`,
    ...(locktimeS !== null && {
      locktime: new Date(locktimeS * 1000).toISOString().slice(0, 19).replace("T", " "),
    }),
  };
}
