/** Paying without anybody's help: one transaction from one mixdepth. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { hasCode } from "../../../../../runtime/errors.ts";
import type { RouteParts } from "../routes/parts.ts";
import { OutpointSchema, SatSchema, whole } from "../routes/schemas.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import { MinersFeeSchema, minersFee } from "./miners-fee.ts";
import { TransactionInfoSchema, transactionInfo } from "./transaction-info.ts";

const DirectSendBody = z.object({
  mixdepth: whole(0, 99),
  /** 0: all that can be spent. */
  amount_sats: SatSchema,
  destination: z.string().min(14).max(100),
  txfee: MinersFeeSchema.optional(),
  /** JoinMarket-NG's: exactly these coins. */
  input_utxos: z.array(OutpointSchema).min(1).max(500).optional(),
});

const NOT_KNOWN =
  "It is not known whether the transaction was sent. Look at the coins or the history before you send again.";

export function sendingEndpoints({ walletd, network, mixing }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("POST", "/taker/direct-send", "directsend", {
      doc: "Pays an address from one mixdepth. With the header Idempotency-Key a repeated request pays once. Not while coins are mixed.",
      body: DirectSendBody,
      answer: z.object({ txinfo: TransactionInfoSchema }),
      refusals: ["TransactionFailed", "ActionNotAllowed", "BackendNotReady"],
      handle: async ({ wallet: { name, session }, body, idempotencyKey }) => {
        const { mixdepth, amount_sats, destination, txfee, input_utxos } = body;
        await mixing.requireNoMixing(name);
        try {
          const { transaction } = await walletd.send(
            {
              wallet: name,
              session,
              mixdepth,
              payments: [{ address: destination, amountSat: amount_sats === 0 ? null : amount_sats }],
              ...(txfee !== undefined && { fee: minersFee(txfee) }),
              ...(input_utxos !== undefined && { inputs: input_utxos }),
            },
            idempotencyKey === undefined ? {} : { key: keyOf(name, idempotencyKey) },
          );
          return { txinfo: transactionInfo(transaction.rawTx, network) };
        } catch (error) {
          if (hasCode(error, "BUS_DEADLINE") || isUnknown(error)) {
            throw new Refusal("BackendNotReady", {
              message: NOT_KNOWN,
              fields: { outcome: "unknown" },
              cause: error,
            });
          }
          throw error;
        }
      },
    }),
  ];
}

/** A client's key is its own affair; ours has a fixed length, and another wallet's never meets it. */
function keyOf(wallet: string, given: string): string {
  return createHash("sha256").update(`${wallet}\n${given}`).digest("hex");
}

function isUnknown(error: unknown): boolean {
  return (error as { data?: { outcome?: unknown } }).data?.outcome === "unknown";
}
