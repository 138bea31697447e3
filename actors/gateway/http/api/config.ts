/** The wallet door's keys of the section [gateway]: where it listens, whose pages it serves, and how many may come. */
import { z } from "zod";
import { parseHostPort, pathText } from "../../../../runtime/config/config-values.ts";
import { secretFile } from "../../../../runtime/secret.ts";

function listen(standard: string) {
  return z
    .string()
    .max(256)
    .refine((text) => text === "" || parseHostPort(text) !== undefined, {
      params: { expected: 'an address such as "127.0.0.1:28183" or "[::1]:28183", or "" for none' },
    })
    .default(standard);
}

/** A part of the gateway's section, which is one flat table. */
export const walletDoorKeys = {
  wallet_listen: listen("127.0.0.1:28183").describe(
    'Where wallet apps such as JAM come in, as to JoinMarket\'s wallet daemon: https, and from this machine http too. Port 0 takes a free port; "" opens no such door.',
  ),
  wallet_ws_listen: listen("").describe(
    "A port of its own for the WebSocket, where clients of joinmarket-clientserver expect it: 28283. It is on the first one too.",
  ),
  wallet_tls_certificate: pathText()
    .optional()
    .describe(
      "The certificate, with its chain, as PEM. Unset: a certificate of our own, made at the first start.",
    ),
  wallet_tls_key: secretFile().optional().describe("The file with the certificate's key as PEM, mode 600."),
  wallet_pages: pathText()
    .optional()
    .describe(
      "The folder with the built files of JAM or another wallet for browsers, served at / of the wallet door.",
    ),
  wallet_connections_max: z
    .int()
    .min(4)
    .max(10_000)
    .default(256)
    .describe("How many connections may be open at once on each port; half as many may be WebSockets."),
  wallet_requests_per_minute: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1_200)
    .describe("How many requests one address may make in a minute before it is told to wait."),
  wallet_guesses_per_minute: z
    .int()
    .min(1)
    .max(10_000)
    .default(20)
    .describe("How often in a minute one address may try to unlock, make or recover a wallet."),
};

const schema = z.object(walletDoorKeys);
/** It shares the names by which browsers may come in with the web page; the taker's section says `makers_min`. */
export type ApiConfig = z.output<typeof schema> & {
  readonly http_host_names: readonly string[];
  readonly makers_min: number;
};
