/** The Electrum door's keys of the section [gateway]: where it listens, and what one client and all together may take. */
import { z } from "zod";
import { parseHostPort, pathText } from "../../../runtime/config/config-values.ts";
import { secretFile } from "../../../runtime/secret.ts";
import { peerKeys } from "./peers/config.ts";
import { parseNetwork } from "./sessions/origins/address-group.ts";

function listen(standard: string) {
  return z
    .string()
    .max(256)
    .refine((text) => text === "" || parseHostPort(text) !== undefined, {
      params: { expected: 'an address such as "127.0.0.1:50001" or "[::]:50001", or "" for none' },
    })
    .default(standard);
}

function count(standard: number, max: number, min = 1) {
  return z.int().min(min).max(max).default(standard);
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) !== undefined;
  } catch {
    // The schema says what was expected.
    return false;
  }
}

const MIB = 1024 * 1024;

/** A part of the gateway's section, which is one flat table. */
export const electrumKeys = {
  electrum_tcp_listen: listen("127.0.0.1:50001").describe(
    'Where Electrum wallets come in without encryption. Port 0 takes a free port; "" opens no such door.',
  ),
  electrum_tls_listen: listen("127.0.0.1:50002").describe(
    "Where Electrum wallets come in over TLS, as they do unless told otherwise.",
  ),
  electrum_ws_listen: listen("").describe(
    "Where wallets in browsers come in over WebSocket; other programs use port 50003 for it.",
  ),
  electrum_wss_listen: listen("").describe(
    "Where wallets in browsers come in over secure WebSocket; other programs use port 50004 for it.",
  ),
  electrum_unix_socket: pathText()
    .optional()
    .describe(
      "A Unix socket for programs on this machine, of at most 100 characters; its user and group may connect.",
    ),
  electrum_onion: z
    .boolean()
    .default(false)
    .describe(
      "Offer an onion service on port 50001 through Tor's control port ([tor] control). Its address is made once and kept.",
    ),
  electrum_tls_certificate: pathText()
    .optional()
    .describe(
      "The certificate, with its chain, as PEM; read again when it or its key has changed, as after a renewal. Unset: a certificate of our own, made at the first start; wallets remember it.",
    ),
  electrum_tls_key: secretFile().optional().describe("The file with the certificate's key as PEM, mode 600."),
  electrum_host_names: z
    .array(z.string().min(1).max(253))
    .max(16)
    .default([])
    .describe("Names or addresses by which wallets of the world find this server; the first is announced."),
  ...peerKeys,
  electrum_banner_file: pathText()
    .optional()
    .describe("A text file that wallets show when they connect; read again when it has changed."),
  electrum_donation_address: z
    .string()
    .max(200)
    .default("")
    .describe("An address of the operator's that wallets show to those who want to thank for the service."),
  electrum_refused_clients: z
    .string()
    .min(1)
    .max(500)
    .refine(isPattern, { params: { expected: "a regular expression" } })
    .optional()
    .describe("Wallets whose name and version fit this regular expression are turned away."),
  electrum_history_max: count(1_000_000, 1_000_000).describe(
    "A script with more confirmed transactions is refused with `history too large`.",
  ),
  electrum_connections_max: count(10_000, 1_000_000).describe(
    "How many connections may be open at once. The system's limit of open files may allow fewer.",
  ),
  electrum_connections_per_address: count(50, 1_000_000).describe(
    "How many of them one IPv4 address or one IPv6 network /64 may have.",
  ),
  electrum_connections_per_subnet: count(250, 1_000_000).describe(
    "How many of them one network may have: /24 of IPv4, /48 of IPv6. Private addresses belong to none.",
  ),
  electrum_trusted_addresses: z
    .array(
      z
        .string()
        .max(64)
        .refine((text) => parseNetwork(text) !== undefined, {
          params: { expected: 'an address or a network, such as "192.0.2.7" or "192.0.2.0/24"' },
        }),
    )
    .max(256)
    .default([])
    .describe("Addresses and networks that have no limits but the total ones."),
  electrum_subscriptions_max: count(2_000_000, 100_000_000).describe("How many subscriptions all may have."),
  electrum_subscriptions_per_address: count(75_000, 100_000_000).describe(
    "How many subscriptions the connections of one address may have together.",
  ),
  electrum_subscriptions_per_session: count(50_000, 100_000_000).describe(
    "How many subscriptions one connection may have.",
  ),
  electrum_cost_soft: count(1_000, 1_000_000_000, 0).describe(
    "Cost from which a client is slowed, in the units of ElectrumX: a subscription is about 0.3, an error 100. 0: no client is slowed or cut for its cost.",
  ),
  electrum_cost_hard: count(10_000, 1_000_000_000, 0).describe(
    "Cost at which a client is cut. It goes down by a ten-thousandth of this a second.",
  ),
  electrum_bytes_per_cost: count(5_000, 1_000_000_000).describe("How many bytes, either way, cost one unit."),
  electrum_concurrency: count(128, 10_000).describe(
    "How many requests of one connection run at once; a costly client has fewer, and all have fewer when many run.",
  ),
  electrum_running_max: count(4_000, 1_000_000).describe("How many requests of all connections run at once."),
  electrum_throttle_ms: count(2_500, 60_000, 0).describe(
    "How long each request of a client right below the hard limit has to wait. Below the soft limit nothing waits.",
  ),
  electrum_request_seconds: count(30, 3_600).describe(
    "After so long without an answer a request is refused; also how long a message may take to come in, or a client not read.",
  ),
  electrum_idle_seconds: count(600, 86_400, 10).describe(
    "A connection that is silent for so long is closed.",
  ),
  electrum_patience_seconds: count(30, 86_400, 0).describe(
    "When the index has not answered for so long, wallets are let go and nobody is let in until it does: they find another server, while here they would hear of nothing. 0: never.",
  ),
  electrum_request_bytes_max: count(1_000_000, 64 * MIB, 1_024).describe(
    "The largest message that a client may send. A transaction of the largest size needs 800,100 bytes.",
  ),
  electrum_response_bytes_max: count(100_000_000, 512 * MIB, 350_000).describe(
    "The largest answer. Electrum itself takes at most 8,100,000 bytes.",
  ),
  electrum_batch_max: count(1_000, 100_000).describe("How many requests one batch may have."),
  electrum_buffer_bytes_max: count(256 * MIB, 64 * 1024 * MIB, MIB).describe(
    "How many bytes may wait for or from all clients; beyond, those that hold most are cut.",
  ),
};

const schema = z.object(electrumKeys);
export type ElectrumConfig = z.output<typeof schema>;

/** What clients are held to, in the order in which an operator thinks of it. */
export const ELECTRUM_LIMITS = [
  "electrum_connections_max",
  "electrum_connections_per_address",
  "electrum_connections_per_subnet",
  "electrum_subscriptions_max",
  "electrum_subscriptions_per_address",
  "electrum_subscriptions_per_session",
  "electrum_cost_soft",
  "electrum_cost_hard",
  "electrum_bytes_per_cost",
  "electrum_throttle_ms",
  "electrum_concurrency",
  "electrum_running_max",
  "electrum_request_seconds",
  "electrum_idle_seconds",
  "electrum_patience_seconds",
  "electrum_request_bytes_max",
  "electrum_response_bytes_max",
  "electrum_batch_max",
  "electrum_history_max",
  "electrum_buffer_bytes_max",
] as const satisfies readonly (keyof ElectrumConfig)[];
