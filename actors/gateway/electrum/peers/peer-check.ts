/** One look at a peer, as servers do it: is it a server of our network, on our chain, under its own name; whom does it know. */
import { z } from "zod";
import type { ChainTip } from "../chain/chain-feed.ts";
import { agree, parseVersion, type VersionRange, versionText } from "../protocol-version.ts";
import {
  type Candidate,
  candidateOfTuple,
  candidatesOf,
  type DefaultPorts,
  type Features,
  FeaturesSchema,
  words,
} from "./peer.ts";
import { PeerFailure } from "./peer-conversation.ts";
import type { PeerHost } from "./peer-host.ts";

/** The chain that a peer's is compared with. */
export interface OwnChain {
  /** Undefined while it is not known, or far behind the node's. */
  tip(): ChainTip | undefined;
  /** 160 digits; undefined above the tip. */
  headerAt(height: number): Promise<string | undefined>;
}

export interface CheckOptions {
  readonly ask: (method: string, params: readonly unknown[]) => Promise<unknown>;
  readonly host: PeerHost;
  readonly chain: OwnChain;
  readonly genesisHash: string;
  readonly software: string;
  readonly range: VersionRange;
  readonly defaultPorts: DefaultPorts;
}

/** What was found. */
export interface Findings {
  readonly software: string;
  readonly protocolMax: string | null;
  readonly pruning: number | null;
  /** As its features say now. */
  readonly ports: Candidate["ports"];
  /** Whom it knows. */
  readonly peers: readonly Candidate[];
}

/** A peer may have heard of blocks that we have not, or the other way round. */
const TIP_BLOCKS_MAX = 5;
/** Two chains that part less deep than that may be one tomorrow. */
const FORK_BLOCKS_MAX = 10;
/** Of its list we look at so many. */
const LIST_MAX = 2_000;

const GreetingSchema = z.tuple([z.string(), z.string()]);
const TipSchema = z.object({ height: z.int().min(0), hex: z.string().regex(/^[0-9a-f]{160}$/i) });

/** Throws `PeerFailure`. */
export async function checkPeer(options: CheckOptions): Promise<Findings> {
  const { ask, range, software: ours } = options;
  const asked = [ours, [versionText(range.min), versionText(range.max)]];
  const greeting = GreetingSchema.safeParse(await ask("server.version", asked));
  if (!greeting.success) throw nonsense("server.version");
  // All at once: the slowest decides, and what fails first is told.
  const [features, peers] = await Promise.all([featuresOf(options), peersOf(options), checkChain(options)]);
  const own = candidatesOf(features).find(({ host }) => host.text === options.host.text);
  if (own === undefined) throw new PeerFailure("bad", "its own list of hosts does not name it");
  return {
    software: words(greeting.data[0]),
    protocolMax: checkedVersions(features, range),
    pruning: features.pruning,
    ports: own.ports,
    peers,
  };
}

async function featuresOf({ ask, genesisHash }: CheckOptions): Promise<Features> {
  const features = FeaturesSchema.safeParse(await ask("server.features", []));
  if (!features.success) throw nonsense("server.features");
  if (features.data.genesis_hash.toLowerCase() !== genesisHash) {
    throw new PeerFailure("bad", "it serves another chain: its genesis block is another one");
  }
  return features.data;
}

function checkedVersions({ protocol_min, protocol_max }: Features, ours: VersionRange): string | null {
  const [min, max] = [parseVersion(protocol_min), parseVersion(protocol_max)];
  if (max === undefined) return null;
  if (agree(ours, { min: min ?? max, max }) === undefined) {
    throw new PeerFailure("bad", `it speaks only ${versionText(min ?? max)} to ${versionText(max)}`);
  }
  return versionText(max);
}

/** By height at the tip, by content a little below: the tips of two honest servers differ for seconds, their past does not. */
async function checkChain({ ask, chain }: CheckOptions): Promise<void> {
  const theirs = TipSchema.safeParse(await ask("blockchain.headers.subscribe", []));
  if (!theirs.success) throw nonsense("blockchain.headers.subscribe");
  const ours = chain.tip();
  if (ours === undefined) throw new PeerFailure("ours", "our own chain is not known just now");
  const { height } = theirs.data;
  if (Math.abs(height - ours.height) > TIP_BLOCKS_MAX) {
    // Whoever is behind is of no use. Whoever is ahead may be right: then it is our node that stands still.
    const kind = height > ours.height ? "unreachable" : "bad";
    throw new PeerFailure(kind, `its tip is at height ${height}, ours at ${ours.height}`);
  }
  const at = Math.max(0, Math.min(height, ours.height) - FORK_BLOCKS_MAX);
  const [header, expected] = await Promise.all([
    ask("blockchain.block.header", [at]),
    // The index may be away.
    chain.headerAt(at).catch(() => undefined),
  ]);
  if (expected === undefined) throw new PeerFailure("ours", "our own chain is not known at that height");
  if (typeof header !== "string" || header.toLowerCase() !== expected) throw otherChain(at);
}

async function peersOf({ ask, defaultPorts }: CheckOptions): Promise<Candidate[]> {
  const list = await ask("server.peers.subscribe", []);
  if (!Array.isArray(list)) throw nonsense("server.peers.subscribe");
  return list
    .slice(0, LIST_MAX)
    .map((each) => candidateOfTuple(each, defaultPorts))
    .filter((each) => each !== undefined);
}

function nonsense(method: string): PeerFailure {
  return new PeerFailure("bad", `it answers ${method} with something else`);
}

function otherChain(height: number): PeerFailure {
  return new PeerFailure("bad", `its block at height ${height} is not ours`);
}
