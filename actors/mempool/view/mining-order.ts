/** In which order miners would take the transactions: by packages, as a child may pay for its parents. */
import type { Txid } from "../../../bitcoin/bytes.ts";
import type { Entry } from "./entry.ts";
import type { Tables } from "./tables.ts";

export interface MiningPlace {
  /** What the package pays with which it would be taken. */
  readonly packageSatPerKvb: number;
  /** Virtual bytes that would be taken before the package. */
  readonly aheadVb: number;
}

/** A larger family than nodes keep is not worth the time to order it well: its members stand for themselves. */
const CLUSTER_MAX = 200;

interface Package {
  readonly members: readonly Entry[];
  readonly feeSat: number;
  readonly sizeVb: number;
  readonly satPerKvb: number;
}

/**
 * Families without ties to each other are ordered each for itself: again and again the member goes first that pays the most
 * together with what it needs. Then all packages are merged by what they pay.
 */
export function miningOrder(tables: Tables): ReadonlyMap<Txid, MiningPlace> {
  const packages: Package[] = [];
  const seen = new Set<Entry>();
  for (const entry of tables.unconfirmed()) {
    if (tables.isAlone(entry)) {
      packages.push(single(entry));
      continue;
    }
    if (seen.has(entry)) continue;
    const cluster = clusterOf(tables, entry, seen);
    if (cluster.length === 1 || cluster.length > CLUSTER_MAX) packages.push(...cluster.map(single));
    else packages.push(...packagesOf(tables, cluster));
  }
  packages.sort((a, b) => b.satPerKvb - a.satPerKvb);
  const places = new Map<Txid, MiningPlace>();
  let aheadVb = 0;
  for (const taken of packages) {
    const place = { packageSatPerKvb: taken.satPerKvb, aheadVb };
    for (const { txid } of taken.members) places.set(txid, place);
    aheadVb += taken.sizeVb;
  }
  return places;
}

/** The places alone, the best first: each once. */
export function ladderOf(order: ReadonlyMap<Txid, MiningPlace>): readonly MiningPlace[] {
  return [...new Set(order.values())];
}

/** Where one would stand that is not in the order and pays so much. By halves: others may ask for hundreds at once. */
export function placeFor(ladder: readonly MiningPlace[], packageSatPerKvb: number): MiningPlace {
  let low = 0;
  let high = ladder.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ladder[middle] as MiningPlace).packageSatPerKvb >= packageSatPerKvb) low = middle + 1;
    else high = middle;
  }
  return { packageSatPerKvb, aheadVb: ladder[low - 1]?.aheadVb ?? 0 };
}

function clusterOf(tables: Tables, entry: Entry, seen: Set<Entry>): Entry[] {
  const cluster = [entry];
  seen.add(entry);
  for (const member of cluster) {
    for (const relatives of [tables.parentsOf(member), tables.childrenOf(member)]) {
      for (const relative of relatives) {
        if (relative.confirmedAt !== undefined || seen.has(relative)) continue;
        seen.add(relative);
        cluster.push(relative);
      }
    }
  }
  return cluster;
}

/** Packages in the order of their feerates, none of which needs a later one. */
function packagesOf(tables: Tables, cluster: readonly Entry[]): Package[] {
  const left = new Set(cluster);
  const packages: Package[] = [];
  while (left.size > 0) {
    let best: Package | undefined;
    for (const entry of left) {
      const candidate = withAncestors(tables, entry, left);
      if (best === undefined || candidate.satPerKvb > best.satPerKvb) best = candidate;
    }
    if (best === undefined) break;
    for (const member of best.members) left.delete(member);
    // A package that pays more than the one before it would have pulled it up: they go as one.
    let joined: Package = best;
    for (
      let last = packages.at(-1);
      last !== undefined && joined.satPerKvb > last.satPerKvb;
      last = packages.at(-1)
    ) {
      packages.pop();
      joined = packageOf(
        [...last.members, ...joined.members],
        last.feeSat + joined.feeSat,
        last.sizeVb + joined.sizeVb,
      );
    }
    packages.push(joined);
  }
  return packages;
}

function withAncestors(tables: Tables, entry: Entry, left: ReadonlySet<Entry>): Package {
  const members = new Set([entry]);
  let feeSat = 0;
  let sizeVb = 0;
  for (const member of members) {
    feeSat += member.feeSat;
    sizeVb += member.sizeVb;
    for (const parent of tables.parentsOf(member)) if (left.has(parent)) members.add(parent);
  }
  return packageOf([...members], feeSat, sizeVb);
}

function single(entry: Entry): Package {
  return packageOf([entry], entry.feeSat, entry.sizeVb);
}

function packageOf(members: readonly Entry[], feeSat: number, sizeVb: number): Package {
  return { members, feeSat, sizeVb, satPerKvb: (feeSat * 1_000) / sizeVb };
}
