/** Looking for coins again. The index knows every script's history, so a height changes nothing about what is found. */
import { z } from "zod";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import type { RouteParts } from "./parts.ts";
import { whole } from "./schemas.ts";

export function rescanEndpoints({ walletd }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("GET", "/rescanblockchain/{height}", "rescanblockchain", {
      doc: "Looks up all scripts of the wallet again. Answers at once.",
      // JAM begins at a height of the main chain wherever it is, and imports no wallet when that is refused.
      params: z.object({ height: whole(0, 100_000_000) }),
      answer: z.object({ walletname: z.string() }),
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session } }) => {
        await walletd.rescan({ wallet: name, session });
        return { walletname: name };
      },
    }),
    walletEndpoint("GET", "/getrescaninfo", "getrescaninfo", {
      doc: "Whether the wallet looks for coins, and how far it is.",
      answer: z.object({
        walletname: z.string(),
        rescanning: z.boolean(),
        progress: z.number().min(0).max(1).optional(),
        /** Why it does not advance. */
        error: z.string().optional(),
      }),
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session } }) => {
        const { isScanning, progress, trouble } = (await walletd.status({ wallet: name, session })).sync;
        return {
          walletname: name,
          rescanning: isScanning,
          ...(isScanning && { progress }),
          ...(trouble !== null && { error: trouble }),
        };
      },
    }),
  ];
}
