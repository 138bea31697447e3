/** The gateway's section of the configuration: which doors it opens, to whom, and how many may come. */
import { z } from "zod";
import { hostPort, parseHostPort } from "../../runtime/config/config-values.ts";
import { section } from "../../runtime/config/section.ts";
import { electrumKeys } from "./electrum/config.ts";
import { walletDoorKeys } from "./http/api/config.ts";
import { xmppKeys } from "./xmpp/config.ts";

export const gatewaySection = section(
  "gateway",
  "Gateway: the doors for outsiders",
  z.object({
    http_listen: z
      .string()
      .max(256)
      .refine((text) => text === "" || parseHostPort(text) !== undefined, {
        params: { expected: 'an address such as "127.0.0.1:28180" or "[::1]:28180", or "" for no web page' },
      })
      .default("127.0.0.1:28180")
      .describe(
        'Where the web page, /healthz, /readyz and /metrics are served. There is no login: on any but a loopback address, whoever reaches it can read the state of the troupe. Port 0 takes a free port; "" opens no such door.',
      ),
    http_host_names: z
      .array(z.string().min(1).max(253))
      .max(16)
      .default([])
      .describe(
        "Names by which browsers may reach the page and the wallet door besides localhost and plain IP addresses. Any other name is refused, so that a web site cannot come in through a name of its own (DNS rebinding).",
      ),
    http_connections_max: z
      .int()
      .min(4)
      .max(10_000)
      .default(64)
      .describe("How many connections may be open at once; a quarter of them may be live pages."),
    http_requests_per_minute: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(600)
      .describe("How many requests one address may make in a minute before it is told to wait."),
    index_cache_mb: z
      .int()
      .min(0)
      .max(65_536)
      .default(96)
      .describe(
        "Short questions to the index are answered by reading it here, where the indexer runs on this host; these are the megabytes kept for that. 0: the indexer is asked over the bus, always.",
      ),
    ...walletDoorKeys,
    ...electrumKeys,
    ...xmppKeys,
  }),
);

/** What the gateway is started with: its own section, and what the sections [tor], [taker] and [ledger] say that it has to know. */
export const gatewayStartSection = section(
  "gateway",
  gatewaySection.title,
  gatewaySection.schema.extend({
    tor_control: hostPort().optional(),
    tor_socks: hostPort().optional(),
    makers_min: z.int().min(1).default(4),
    bank_operators: z.array(z.string().max(2_047)).max(2_000).default([]),
  }),
);
