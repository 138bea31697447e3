/** The supervisor's sections of the configuration: the bus, where each actor runs and by which code, and Tor. */
import { z } from "zod";
import { hostPort, pathText } from "../runtime/config/config-values.ts";
import { section } from "../runtime/config/section.ts";
import { secretFile } from "../runtime/secret.ts";

export const BUS_MODES = ["embedded", "spawn", "external", "auto"] as const;
export type BusMode = (typeof BUS_MODES)[number];

export const busSection = section(
  "bus",
  "The bus that all actors talk over, NATS protocol in every mode",
  z.object({
    mode: z
      .enum(BUS_MODES)
      .default("embedded")
      .describe(
        "embedded: a small broker of our own, enough for one host. spawn: run a nats-server. external: use a running one. auto: external if one of `servers` answers at the start, else embedded.",
      ),
    listen: hostPort()
      .default("127.0.0.1:0")
      .describe(
        "Where the embedded or spawned broker listens. Port 0 takes a free one. Loopback only: it speaks no TLS.",
      ),
    servers: z
      .array(z.url({ protocol: /^(nats|tls)$/ }).max(256))
      .max(16)
      .default([])
      .describe("Addresses of the external servers, such as nats://10.0.0.2:4222; tls:// wants encryption."),
    credentials_directory: pathText()
      .optional()
      .describe(
        "For external servers: a directory, mode 0700, with one owner-only file <actor>.nk (nkey seed) or <actor>.creds for each user. `supervisor bus print-nats-config` makes it.",
      ),
    tls_ca: pathText()
      .optional()
      .describe("The certificate of the authority that signed the external servers' certificates."),
    tls_cert: pathText().optional().describe("Our own certificate, when the servers ask for one."),
    tls_key_file: secretFile().optional().describe("The owner-only file with the key of `tls_cert`."),
    nats_server: z
      .string()
      .min(1)
      .max(4096)
      .default("nats-server")
      .describe("The program for mode spawn: a path, or a name looked for in PATH and /usr/sbin."),
    jetstream: z
      .boolean()
      .default(false)
      .describe("Turn on JetStream in mode spawn. The embedded broker has none."),
  }),
);
export type BusConfig = z.output<typeof busSection.schema>;

export const torSection = section(
  "tor",
  "Tor, for onion channels and doors",
  z.object({
    socks: hostPort().optional().describe("Tor's SocksPort, such as 127.0.0.1:9050. Unset: Tor is not used."),
    control: hostPort()
      .optional()
      .describe("Tor's ControlPort, such as 127.0.0.1:9051; needed to offer onion services."),
  }),
);
