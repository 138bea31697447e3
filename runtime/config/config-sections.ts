/** The sections that belong to no single room: `[troupe]`, `[log]` and `[telemetry]`. */
import { z } from "zod";
import { LOG_LEVELS } from "../log/log-level.ts";
import { pathText } from "./config-values.ts";
import { section } from "./section.ts";

export const NETWORKS = ["mainnet", "testnet4", "signet", "regtest"] as const;
export type Network = (typeof NETWORKS)[number];

export const troupeSection = section(
  "troupe",
  "The whole",
  z.object({
    network: z
      .enum(NETWORKS)
      .default("regtest")
      .describe(
        "The Bitcoin network. Regtest is a private chain for trying things out; mainnet moves real money.",
      ),
    data_directory: pathText()
      .prefault("~/.troupe")
      .describe(
        "Where everything that lasts is kept: the index, wallets, logs, sockets. Made with mode 0700.",
      ),
    host: z
      .string()
      .refine((text) => /^[a-z0-9_-]{1,48}$/.test(text) && text !== "any", {
        params: { expected: 'a name of at most 48 characters from a-z, 0-9, _ and -, other than "any"' },
      })
      .optional()
      .describe(
        "This host's name on the bus; unset: the machine's own. Supervisors that share a bus need different names.",
      ),
  }),
);

export const logSection = section(
  "log",
  "Logs: one JSON-lines file for each actor in <data_directory>/logs",
  z.object({
    level: z
      .enum(LOG_LEVELS)
      .default("info")
      .describe(
        "The least level that is written. error: act now; warn: act soon; info: rare changes; debug: for developers.",
      ),
    file_bytes: z
      .int()
      .min(64 * 1024)
      .max(1024 * 1024 * 1024)
      .default(16 * 1024 * 1024)
      .describe("A log file that has grown to this size is put aside as .1 and a new one begun."),
    files_kept: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe("How many files put aside are kept for each actor."),
    sensitive: z
      .boolean()
      .default(false)
      .describe(
        "Write own amounts, addresses and transaction ids as they are instead of as tags. Anybody who gets the logs then knows your coins.",
      ),
  }),
);

export const telemetrySection = section(
  "telemetry",
  "Traces for Jaeger and the like; nothing is sent unless an address is given here",
  z.object({
    otlp_endpoint: z
      .url({ protocol: /^https?$/, error: 'an http or https URL, such as "http://127.0.0.1:4318"' })
      .max(300)
      .optional()
      .describe("The OTLP/HTTP collector, without /v1/traces. Jaeger listens at http://127.0.0.1:4318."),
    sample_ratio: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe(
        "The share of ordinary requests that is traced. Coinjoins are always traced, and so is what failed or took longer than a second.",
      ),
    sensitive: z
      .boolean()
      .default(false)
      .describe(
        "Let transaction ids, addresses and the like out in traces. Whoever runs the collector then knows your coins.",
      ),
  }),
);

/** All of them, in the order in which the default file shows them. */
export const runtimeSections = Object.freeze([troupeSection, logSection, telemetrySection]);
