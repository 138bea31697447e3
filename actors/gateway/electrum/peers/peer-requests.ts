/** `server.add_peer`: strangers who ask to be listed. They must come from the address that they name, and not too often. */
import type { Clock } from "../../../../runtime/clock.ts";
import { groupOf } from "../sessions/origins/address-group.ts";
import { type Candidate, candidatesOf, FeaturesSchema } from "./peer.ts";
import { canonicalAddress, domainOf, isGlobalAddress, machineOf } from "./peer-host.ts";

/** The addresses of a name; rejects when there are none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export interface PeerRequestsOptions {
  readonly clock: Clock;
  readonly genesisHash: string;
  readonly isPrivateNetwork: boolean;
  /** Undefined: names are not looked up here, only Tor does so. */
  readonly resolve: Resolve | undefined;
  /** Onion services can be looked at. */
  readonly hasTor: boolean;
  /** Takes it into the list, with the address that it came from; false when there is no room. */
  readonly accept: (candidate: Candidate, address: string | null) => boolean;
}

/** One request of a machine, one for a domain, one for an onion service in so long. */
const PAUSE_MS = 600_000;
/** Names that are being looked up; a flood of requests is no flood of questions to a name server. */
const LOOKUPS_MAX = 4;
const PAUSES_MAX = 10_000;

export class PeerRequests {
  readonly #options: PeerRequestsOptions;
  /** Until when of the monotonic clock. */
  readonly #pauses = new Map<string, number>();
  #lookups = 0;
  accepted = 0;
  refused = 0;

  constructor(options: PeerRequestsOptions) {
    this.#options = options;
  }

  /** `from`: the address that asks; undefined when it has none. Whether it is going to be looked at. */
  async ask(given: unknown, from: string | undefined): Promise<boolean> {
    const isAccepted = await this.#judge(given, from);
    if (isAccepted) this.accepted += 1;
    else this.refused += 1;
    return isAccepted;
  }

  async #judge(given: unknown, from: string | undefined): Promise<boolean> {
    const { genesisHash, accept } = this.#options;
    const features = FeaturesSchema.safeParse(given);
    if (!features.success || features.data.genesis_hash.toLowerCase() !== genesisHash) return false;
    // Others look at the first only, too: who is asked for one must not add sixteen.
    const [candidate] = candidatesOf(features.data);
    if (candidate === undefined) return false;
    const { host } = candidate;
    if (host.kind === "onion") {
      // Nobody can prove that an onion service is his by where he comes from; it is looked at as all are.
      return this.#options.hasTor && !this.#isTooSoon("onion") && accept(candidate, null);
    }
    const address = from === undefined ? undefined : canonicalAddress(groupOf(from).address);
    if (address === undefined || !this.#mayBeListed(address)) return false;
    // Before the lookup: the asker's own machine, whose turn nobody else can use up.
    if (this.#isTooSoon(machineOf(address))) return false;
    if (!(await this.#isFoundAt(candidate, address))) return false;
    // After it: the domain, which strangers could otherwise name to keep its owner out.
    return (host.kind !== "name" || !this.#isTooSoon(domainOf(host.text))) && accept(candidate, address);
  }

  #mayBeListed(address: string): boolean {
    return this.#options.isPrivateNetwork || isGlobalAddress(address);
  }

  async #isFoundAt({ host }: Candidate, address: string): Promise<boolean> {
    if (host.kind !== "name") return host.text === address;
    const { resolve } = this.#options;
    if (resolve === undefined || this.#lookups >= LOOKUPS_MAX) return false;
    this.#lookups += 1;
    try {
      return (await resolve(host.text)).some((found) => canonicalAddress(found) === address);
    } catch {
      // A name that nobody knows.
      return false;
    } finally {
      this.#lookups -= 1;
    }
  }

  /** Also begins the next pause. */
  #isTooSoon(what: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#pauses.size >= PAUSES_MAX) {
      for (const [key, untilMs] of this.#pauses) if (untilMs <= nowMs) this.#pauses.delete(key);
    }
    if ((this.#pauses.get(what) ?? 0) > nowMs || this.#pauses.size >= PAUSES_MAX) return true;
    this.#pauses.set(what, nowMs + PAUSE_MS);
    return false;
  }
}
