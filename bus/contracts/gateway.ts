/** What others know of the gateway: at which addresses outsiders find the troupe, and who is inside its Electrum door. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";
import { DoorSchema } from "./supervisor.ts";

/** Sessions in one answer. */
export const ELECTRUM_SESSIONS_MAX = 10_000;
export const ELECTRUM_PEERS_MAX = 1_000;
const MINUTES_MAX = 60 * 24 * 365 * 10;

const Count = z.int().min(0);

export const ElectrumSessionSchema = z.object({
  id: Count,
  carrier: z.string().max(16),
  /** `local` for Unix sockets and Tor. */
  address: z.string().max(64),
  /** What the client calls itself; printable, and not to be believed. */
  client: z.string().max(100),
  /** Null until it is agreed on. */
  version: z.string().max(32).nullable(),
  ageS: Count,
  /** Since it was last heard. */
  idleS: Count,
  requests: Count,
  errors: Count,
  running: Count,
  subscriptions: Count,
  cost: z.number().min(0),
  receivedBytes: Count,
  sentBytes: Count,
  unreadBytes: Count,
});
export type ElectrumSession = z.infer<typeof ElectrumSessionSchema>;

export const ElectrumStatsSchema = z.object({
  uptimeS: Count,
  sessions: z.object({
    open: Count,
    max: Count,
    opened: Count,
    refused: Count,
    byCarrier: z.record(z.string(), Count),
    /** Ended, by who or what ended them. */
    closed: z.record(z.string(), Count),
  }),
  subscriptions: z.object({ open: Count, max: Count }),
  requests: z.object({
    running: Count,
    /** By the protocol's code. */
    errors: z.record(z.string(), Count),
    methods: z.array(
      z.object({
        method: z.string().max(100),
        calls: Count,
        errors: Count,
        meanMs: z.number(),
        p50Ms: z.number(),
        p99Ms: z.number(),
      }),
    ),
  }),
  notifications: Count,
  receivedBytes: Count,
  sentBytes: Count,
  buffers: z.object({ bytes: Count, max: Count }),
  bans: Count,
  /** What clients are held to, by the key of the configuration that says it. */
  limits: z.record(z.string().max(64), Count),
});
export type ElectrumStats = z.infer<typeof ElectrumStatsSchema>;

/** A network that is kept out; `untilMs` is a time since the epoch, null for good. */
export const ElectrumBanSchema = z.object({ network: z.string().max(64), untilMs: z.number().nullable() });

const Stamp = z.number().min(0).nullable();
const PortNumber = z.int().min(1).max(65_535).nullable();

/** Another Electrum server. Its name, software and reason hold words of its own: printable, and not to be believed. */
export const ElectrumPeerSchema = z.object({
  host: z.string().max(253),
  tcpPort: PortNumber,
  tlsPort: PortNumber,
  address: z.string().max(64).nullable(),
  /** `stale`: it was good, and too long ago for wallets to be told. */
  state: z.enum(["good", "stale", "new", "unreachable", "bad"]),
  reason: z.string().max(300).nullable(),
  /** `self`, `operator`, `seed`, `add_peer`, or the host of the peer that told of it. */
  source: z.string().max(253),
  lastGoodMs: Stamp,
  lastTryMs: Stamp,
  /** Until it is looked at again. */
  nextTryS: Count,
  failures: Count,
  protocolMax: z.string().max(32).nullable(),
  software: z.string().max(100).nullable(),
});
export type ElectrumPeer = z.infer<typeof ElectrumPeerSchema>;

const NOT_OPEN = {
  GATEWAY_NO_ELECTRUM: z.object({}),
};
const NO_PEERS = { ...NOT_OPEN, GATEWAY_PEERS_OFF: z.object({}) };
const NETWORK_REFUSALS = {
  ...NOT_OPEN,
  GATEWAY_BAD_NETWORK: z.object({ given: z.string() }),
};
/** Both questions and orders: whoever has the operator's key may look after the door's guests, and nothing else. */
const ASKED = { deadlineMs: 5_000, callers: ["operator"], idempotency: "idempotent" } as const;

export const gatewayContract = contract("gateway", {
  semver: "1.3.0",
  doc: "Opens the doors through which outsiders come in: browsers, Electrum wallets, XMPP clients. One instance for each host.",
  instances: "keyed",
})
  .rpc("doors", {
    doc: "The doors that are open now.",
    input: z.object({}),
    output: z.object({ doors: z.array(DoorSchema).max(64) }),
    deadlineMs: 1_000,
    idempotency: "idempotent",
    callers: ["supervisor", "operator"],
  })
  .rpc("electrumSessions", {
    doc: "The Electrum clients that are connected, the costliest first.",
    input: z.object({ limit: z.int().min(1).max(ELECTRUM_SESSIONS_MAX).default(1_000) }),
    output: z.object({ total: Count, sessions: z.array(ElectrumSessionSchema).max(ELECTRUM_SESSIONS_MAX) }),
    errors: NOT_OPEN,
    ...ASKED,
  })
  .rpc("electrumStats", {
    doc: "What the Electrum door has done since it was opened, how full it is, and what clients are held to.",
    input: z.object({}),
    output: ElectrumStatsSchema,
    errors: NOT_OPEN,
    ...ASKED,
  })
  .rpc("electrumDisconnect", {
    doc: "Closes sessions of Electrum clients: some by number, those of a network, or all.",
    input: z.object({
      sessions: z.array(z.int().min(1)).max(1_000).default([]),
      network: z.string().max(64).optional(),
      all: z.boolean().default(false),
    }),
    output: z.object({ disconnected: Count }),
    errors: NETWORK_REFUSALS,
    ...ASKED,
  })
  .rpc("electrumBan", {
    doc: "Keeps an address or a network out of the Electrum door, over restarts too, and closes its sessions.",
    input: z.object({ network: z.string().max(64), minutes: z.int().min(1).max(MINUTES_MAX).optional() }),
    output: z.object({ ban: ElectrumBanSchema, disconnected: Count }),
    errors: { ...NETWORK_REFUSALS, GATEWAY_BANS_FULL: z.object({ max: Count }) },
    ...ASKED,
  })
  .rpc("electrumUnban", {
    doc: "Lets an address or a network in again.",
    input: z.object({ network: z.string().max(64) }),
    output: z.object({ wasBanned: z.boolean() }),
    errors: NETWORK_REFUSALS,
    ...ASKED,
  })
  .rpc("electrumBans", {
    doc: "The addresses and networks that are kept out.",
    input: z.object({}),
    output: z.object({ bans: z.array(ElectrumBanSchema) }),
    errors: NOT_OPEN,
    ...ASKED,
  })
  .rpc("electrumPeers", {
    doc: "The other Electrum servers that the gateway knows, those that are told to wallets first.",
    input: z.object({}),
    output: z.object({
      mode: z.enum(["off", "find", "announce"]),
      peers: z.array(ElectrumPeerSchema).max(ELECTRUM_PEERS_MAX),
      /** Servers that asked to be listed. */
      asked: z.object({ accepted: Count, refused: Count }),
    }),
    errors: NOT_OPEN,
    ...ASKED,
  })
  .rpc("electrumAddPeer", {
    doc: "Looks at an Electrum server now, and at its time again for as long as it is not forgotten by order.",
    input: z.object({ peer: z.string().min(1).max(300) }),
    output: z.object({ host: z.string().max(253) }),
    errors: { ...NO_PEERS, GATEWAY_BAD_PEER: z.object({ given: z.string() }) },
    ...ASKED,
  })
  .rpc("electrumForgetPeer", {
    doc: "Forgets an Electrum server; for a day it is not taken from others' lists either.",
    input: z.object({ host: z.string().min(1).max(253) }),
    output: z.object({ wasKnown: z.boolean() }),
    errors: NO_PEERS,
    ...ASKED,
  });
