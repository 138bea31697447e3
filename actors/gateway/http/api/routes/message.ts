/** Messages signed by a key of the wallet. */
import { z } from "zod";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import type { RouteParts } from "./parts.ts";

export function messageEndpoints({ walletd }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("POST", "/signmessage", "signmessage", {
      doc: "Proves that an address is the wallet's by signing a message with its key.",
      body: z.object({
        hd_path: z.string().min(1).max(100),
        message: z.string().max(20_000),
        /** Ours: the forms that other programs verify. */
        form: z.enum(["clientserver", "bip137", "bip322"]).optional(),
      }),
      answer: z.object({ signature: z.string(), message: z.string(), address: z.string() }),
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session }, body }) => {
        const { hd_path: path, message, form } = body;
        const { signature, address } = await walletd.signMessage({
          wallet: name,
          session,
          path,
          message,
          ...(form !== undefined && { form }),
        });
        return { signature, message, address };
      },
    }),
  ];
}
