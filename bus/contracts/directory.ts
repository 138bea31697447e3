/** What others know of our directory node: where bots find it, and how many are there. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";

const Count = z.int().min(0);

export const DirectoryStatusSchema = z.object({
  /** Where it listens, `host:port`. */
  address: z.string().max(300),
  nick: z.string().max(16),
  /** Bots that have introduced themselves. */
  bots: Count,
  /** Of these, those that others can connect to: makers, as a rule. */
  serving: Count,
  /** Of these, those that have proven that their nick is theirs. */
  proven: Count,
  banned: Count,
});
export type DirectoryStatus = z.infer<typeof DirectoryStatusSchema>;

/** So many bots are told of at most. */
export const DIRECTORY_PEERS_MAX = 1_000;
const MINUTES_MAX = 60 * 24 * 365 * 10;
/** A nick, an onion service with or without its port, or an address. */
const BanName = z.string().min(1).max(100);

/** A bot inside. Nick, place and features are its own words, of a form that was checked. */
export const DirectoryPeerSchema = z.object({
  nick: z.string().max(16),
  /** Where others connect to it. */
  location: z.string().max(300).nullable(),
  /** Where it connected from; through Tor that is this host. */
  address: z.string().max(64),
  isProven: z.boolean(),
  features: z.array(z.string().max(64)).max(64),
  ageS: Count,
  /** Since it said something. */
  silentS: Count,
  /** Messages of it that were passed on, and that were not. */
  passed: Count,
  dropped: Count,
});
export type DirectoryPeer = z.infer<typeof DirectoryPeerSchema>;

export const DirectoryBanSchema = z.object({
  name: BanName,
  /** Milliseconds since the Unix epoch; null: for good. */
  untilMs: z.number().nullable(),
  /** Given by the operator, and kept over restarts; else the directory's own, for a bot that would not stop. */
  isOrdered: z.boolean(),
});
export type DirectoryBan = z.infer<typeof DirectoryBanSchema>;

const Counts = z.record(z.string().max(40), Count);

export const DirectoryStatsSchema = DirectoryStatusSchema.extend({
  uptimeS: Count,
  botsMax: Count,
  /** What was passed on, by kind; and what was not, by why. */
  relayed: Counts,
  dropped: Counts,
  /** How comers were received, and why some were shown out again. */
  arrivals: Counts,
  evicted: Counts,
  /** What each bot may do in a minute. */
  perMinute: z.object({ orderbook: Count, public: Count, private: Count }),
});
export type DirectoryStats = z.infer<typeof DirectoryStatsSchema>;

const BAD_NAME = { DIRECTORY_BAD_NAME: z.object({ given: z.string() }) };
/** Whoever has the operator's key may look after the directory's guests, and nothing else. */
const ASKED = { deadlineMs: 5_000, callers: ["operator"], idempotency: "idempotent" } as const;

export const directoryContract = contract("directory", {
  semver: "1.1.0",
  doc: "A directory node of JoinMarket's onion channel: it introduces makers and takers, and carries their messages.",
  instances: "any",
})
  .rpc("peers", {
    doc: "The makers and takers inside, those that say most first.",
    input: z.object({ limit: z.int().min(1).max(DIRECTORY_PEERS_MAX).default(DIRECTORY_PEERS_MAX) }),
    output: z.object({ total: Count, peers: z.array(DirectoryPeerSchema).max(DIRECTORY_PEERS_MAX) }),
    ...ASKED,
  })
  .rpc("stats", {
    doc: "What the directory has done since it was started, and how full it is.",
    input: z.object({}),
    output: DirectoryStatsSchema,
    ...ASKED,
  })
  .rpc("ban", {
    doc: "Keeps a nick, an onion service or an address out, over restarts too, and shows out who is inside under it.",
    input: z.object({ name: BanName, minutes: z.int().min(1).max(MINUTES_MAX).optional() }),
    output: z.object({ ban: DirectoryBanSchema, shownOut: Count }),
    errors: { ...BAD_NAME, DIRECTORY_BANS_FULL: z.object({ max: Count }) },
    ...ASKED,
  })
  .rpc("unban", {
    doc: "Lets a nick, an onion service or an address in again.",
    input: z.object({ name: BanName }),
    output: z.object({ wasBanned: z.boolean() }),
    errors: BAD_NAME,
    ...ASKED,
  })
  .rpc("bans", {
    doc: "Who is kept out: those that the operator has named, and the newest of the directory's own.",
    input: z.object({}),
    output: z.object({ total: Count, bans: z.array(DirectoryBanSchema).max(DIRECTORY_PEERS_MAX) }),
    ...ASKED,
  })
  .state("status", {
    doc: "Where it is and who is there, on each change and every 10 s.",
    body: DirectoryStatusSchema,
    readers: ["gateway", "operator", "maker", "taker"],
  });
