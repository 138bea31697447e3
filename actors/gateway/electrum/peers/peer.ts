/** A server that we know of: what it says of itself, what we have found, and the forms in which peers tell of each other. */
import { z } from "zod";
import { hostOf, type PeerHost } from "./peer-host.ts";

export interface PeerPorts {
  readonly tcp: number | null;
  readonly tls: number | null;
}

/** Under which name and ports somebody is said to be found. */
export interface Candidate {
  readonly host: PeerHost;
  readonly ports: PeerPorts;
}

/** `good` has passed every check; `bad` is no server that we may name; `unreachable` says nothing of what it is. */
export type Verdict = "new" | "good" | "unreachable" | "bad";

export interface Peer extends Candidate {
  /** `self`, `operator`, `seed`, `add_peer`, or the host of the peer that told of it. */
  readonly source: string;
  /** Where it was seen last; null for onions and names that only Tor has looked up. */
  readonly address: string | null;
  readonly verdict: Verdict;
  /** Why the verdict is not a good one. May hold words of the peer. */
  readonly reason: string | null;
  /** Since the epoch; null: never. */
  readonly lastGoodMs: number | null;
  readonly lastTryMs: number | null;
  /** In a row. */
  readonly failures: number;
  /** The newest version of the protocol that it says it speaks. */
  readonly protocolMax: string | null;
  readonly software: string | null;
  readonly pruning: number | null;
}

/** `[address, host, ["v1.6", "s50002", "t50001"]]`, as `server.peers.subscribe` has it. */
export type PeerTuple = readonly [string, string, readonly string[]];

/** The ports where a letter stands without a number. */
export interface DefaultPorts {
  readonly tcp: number;
  readonly tls: number;
}

const WORDS_MAX = 100;
const HOSTS_MAX = 32;

/** Some write numbers as texts. */
const PortSchema = z
  .preprocess(
    (given) => (typeof given === "string" && /^\d{1,5}$/.test(given) ? Number(given) : given),
    z.int().min(1).max(65_535).nullable(),
  )
  .catch(null)
  .default(null);
const HostSchema = z.object({ tcp_port: PortSchema, ssl_port: PortSchema });

/** What others say in `server.features` and `server.add_peer`; all that we do not use is left out. */
export const FeaturesSchema = z.object({
  hosts: z
    .record(z.string().max(253), z.unknown())
    .refine((hosts) => Object.keys(hosts).length <= HOSTS_MAX, { params: { expected: "fewer hosts" } }),
  genesis_hash: z.string().max(64),
  hash_function: z.literal("sha256").optional(),
  protocol_min: z.string().max(16).nullish(),
  protocol_max: z.string().max(16).nullish(),
  pruning: z.int().min(1).nullable().catch(null).default(null),
});
export type Features = z.output<typeof FeaturesSchema>;

/** Those of the hosts that somebody can be reached under, in their order. */
export function candidatesOf({ hosts }: Features): Candidate[] {
  return Object.entries(hosts).flatMap(([name, given]) => {
    const host = hostOf(name);
    const ports = HostSchema.safeParse(given);
    if (host === undefined || !ports.success) return [];
    const { tcp_port: tcp, ssl_port: tls } = ports.data;
    return tcp === null && tls === null ? [] : [{ host, ports: { tcp, tls } }];
  });
}

/** One element of what `server.peers.subscribe` answers; undefined when it tells of nobody. */
export function candidateOfTuple(given: unknown, defaults: DefaultPorts): Candidate | undefined {
  if (!Array.isArray(given) || given.length < 3 || !Array.isArray(given[2])) return undefined;
  return candidateOf(given[1], given[2].slice(0, 16), defaults);
}

/** `host [s<port>] [t<port>]`: how operators and lists of servers write it. */
export function candidateOfText(text: string, defaults: DefaultPorts): Candidate | undefined {
  const [name, ...parts] = text.trim().split(/\s+/, 8);
  return candidateOf(name, parts.length === 0 ? ["s", "t"] : parts, defaults);
}

function candidateOf(
  name: unknown,
  parts: readonly unknown[],
  defaults: DefaultPorts,
): Candidate | undefined {
  const host = hostOf(name);
  const port = (letter: string, standard: number): number | null => {
    const part = parts.find(
      (each) => typeof each === "string" && /^[st]\d{0,5}$/.test(each) && each[0] === letter,
    );
    if (typeof part !== "string") return null;
    const number = part.length === 1 ? standard : Number(part.slice(1));
    return number >= 1 && number <= 65_535 ? number : null;
  };
  const ports = { tcp: port("t", defaults.tcp), tls: port("s", defaults.tls) };
  return host === undefined || (ports.tcp === null && ports.tls === null) ? undefined : { host, ports };
}

/** The ports with their numbers: what a letter alone means is not the same on every network. */
export function tupleOf({ host, address, ports, protocolMax, pruning }: Peer): PeerTuple {
  return [
    address ?? host.text,
    host.text,
    [
      ...(protocolMax === null ? [] : [`v${protocolMax}`]),
      ...(pruning === null ? [] : [`p${pruning}`]),
      ...(ports.tls === null ? [] : [`s${ports.tls}`]),
      ...(ports.tcp === null ? [] : [`t${ports.tcp}`]),
    ],
  ];
}

/** `address`: where it was seen, if it was. */
export function newPeer({ host, ports }: Candidate, source: string, address: string | null = null): Peer {
  const isAddress = host.kind === "ipv4" || host.kind === "ipv6";
  return {
    host,
    ports,
    source,
    address: isAddress ? host.text : address,
    verdict: "new",
    reason: null,
    lastGoodMs: null,
    lastTryMs: null,
    failures: 0,
    protocolMax: null,
    software: null,
    pruning: null,
  };
}

/** Words of a peer, of a length that we keep and without what moves a cursor. */
export function words(text: string): string {
  return text
    .slice(0, 2 * WORDS_MAX)
    .replace(/\p{C}+/gu, " ")
    .trim()
    .slice(0, WORDS_MAX);
}
