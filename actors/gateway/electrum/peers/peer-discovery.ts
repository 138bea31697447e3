/** Looks for other Electrum servers, looks at each again in its time, asks the good ones to add us, and keeps the list over restarts. */
import { isIP } from "node:net";
import { join } from "node:path";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { KnownPeers } from "../methods/peer-methods.ts";
import type { VersionRange } from "../protocol-version.ts";
import { type Candidate, candidateOfText, type DefaultPorts, type PeerTuple, words } from "./peer.ts";
import { checkPeer, type Findings, type OwnChain } from "./peer-check.ts";
import { PeerConversation, PeerFailure } from "./peer-conversation.ts";
import type { Dial, PeerTarget } from "./peer-dial.ts";
import { readPeers, writePeers } from "./peer-file.ts";
import { canonicalAddress, isGlobalAddress } from "./peer-host.ts";
import { PeerList, type Slot } from "./peer-list.ts";
import type { PeerNames } from "./peer-names.ts";
import { PeerRequests } from "./peer-requests.ts";

export interface PeerDiscoveryOptions {
  /** Whether those that are found are asked to add us. */
  readonly mode: "find" | "announce";
  readonly dial: Dial;
  readonly names: PeerNames;
  readonly chain: OwnChain;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** Where the list is kept. */
  readonly directory: string;
  readonly genesisHash: string;
  readonly software: string;
  readonly range: VersionRange;
  readonly defaultPorts: DefaultPorts;
  readonly seeds: readonly string[];
  /** A network of our own, where private addresses are all there is. */
  readonly isPrivateNetwork: boolean;
  readonly hasTor: boolean;
  readonly isOnlyByTor: boolean;
  /** The hosts that we would announce. Read again each time: an onion service may come later. */
  readonly own: () => readonly Candidate[];
  /** What `server.features` says, with these hosts only. */
  readonly features: (host: string) => unknown;
  readonly isBanned: (address: string) => boolean;
}

const TICK_MS = 1_000;
const CHECKS_MAX = 4;
/** Once a day would do for the list's sake; a crash should not cost more than that. */
const WRITE_EVERY_MS = 60_000;
/** Without a good peer the seeds are asked again. */
const SEED_EVERY_MS = 3_600_000;
/** From one peer's list. */
const NEW_PER_LIST = 2;
const ADDRESSES_MAX = 2;
/** Tor needs its time to build a circuit. */
const PATIENCE = Object.freeze({
  direct: { connectMs: 10_000, answerMs: 30_000, wholeMs: 90_000 },
  byTor: { connectMs: 60_000, answerMs: 120_000, wholeMs: 360_000 },
});

export class PeerDiscovery implements KnownPeers {
  readonly list: PeerList;
  readonly requests: PeerRequests;
  readonly checks = { good: 0, unreachable: 0, bad: 0 };
  readonly #options: PeerDiscoveryOptions;
  readonly #path: string;
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;
  #writtenChanges = 0;
  #writtenAtMs: number;
  #seededAtMs: number;

  constructor(options: PeerDiscoveryOptions) {
    const { clock, random, isPrivateNetwork, directory } = options;
    this.#options = options;
    this.#path = join(directory, "electrum-peers.json");
    this.#writtenAtMs = clock.monotonicMs();
    this.#seededAtMs = clock.monotonicMs();
    this.list = new PeerList({ clock, random, isPrivateNetwork });
    this.requests = new PeerRequests({
      ...options,
      resolve: options.isOnlyByTor ? undefined : (name) => options.names.addressesOf(name),
      accept: (candidate, address) => this.#accept(candidate, address),
    });
  }

  get mode(): "find" | "announce" {
    return this.#options.mode;
  }

  nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  start(): void {
    const { clock, log, genesisHash } = this.#options;
    const { peers, complaint } = readPeers(this.#path, genesisHash, clock.now());
    if (complaint !== undefined) {
      log.warn("the list of Electrum peers is begun anew", { path: this.#path, complaint });
    }
    if (this.mode === "announce" && this.#options.own().length === 0) {
      log.warn(
        "there is nothing to announce to Electrum peers yet: electrum_host_names names no host of the world",
      );
    }
    for (const peer of peers) this.list.put(peer);
    this.#writtenChanges = this.list.changes;
    this.#seed();
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopping.abort();
    this.#options.names.cancel();
    await Promise.all(this.#running);
    this.#write();
  }

  told(viaTor: boolean): readonly PeerTuple[] {
    return this.list.told(viaTor);
  }

  ask(features: unknown, from: string | undefined): Promise<boolean> {
    return this.requests.ask(features, from);
  }

  /** The operator's word for it. Undefined when that names no server. */
  add(text: string): Slot | undefined {
    const candidate = candidateOfText(text, this.#options.defaultPorts);
    if (candidate === undefined || (candidate.host.kind === "onion" && !this.#options.hasTor))
      return undefined;
    const slot = this.list.note(candidate, "operator");
    if (slot === undefined || slot.peer.source === "self") return slot;
    slot.peer = { ...slot.peer, source: "operator" };
    this.list.moved(slot, candidate.ports);
    return slot;
  }

  #accept(candidate: Candidate, address: string | null): boolean {
    const slot = this.list.note(candidate, "add_peer", address);
    if (slot === undefined) return false;
    if (slot.peer.source !== "self") this.list.moved(slot, candidate.ports);
    return true;
  }

  #seed(): void {
    this.#seededAtMs = this.#options.clock.monotonicMs();
    for (const text of this.#options.seeds) {
      const candidate = candidateOfText(text, this.#options.defaultPorts);
      const canBeAsked = candidate?.host.kind !== "onion" || this.#options.hasTor;
      if (candidate !== undefined && canBeAsked) this.list.note(candidate, "seed");
    }
  }

  #tick(): void {
    const { clock, chain } = this.#options;
    this.#timer = clock.after(TICK_MS, () => this.#tick(), { background: true });
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#writtenAtMs >= WRITE_EVERY_MS) this.#write();
    // What we do not know ourselves we cannot hold against anybody.
    if (chain.tip() === undefined) return;
    this.#noteOwn();
    if (nowMs - this.#seededAtMs >= SEED_EVERY_MS && this.list.told(true).length === 0) this.#seed();
    for (const slot of this.list.due(CHECKS_MAX - this.#running.size)) {
      slot.isChecking = true;
      const running = this.#check(slot).finally(() => {
        slot.isChecking = false;
        this.#running.delete(running);
      });
      this.#running.add(running);
    }
  }

  /** What we announce is looked at as others will: the operator sees whether it can be reached. */
  #noteOwn(): void {
    const own = this.#own();
    for (const candidate of own) {
      const slot = this.list.note(candidate, "self");
      if (slot !== undefined && slot.peer.source !== "self") slot.peer = { ...slot.peer, source: "self" };
    }
    for (const { peer } of this.list.slots) {
      const isOwn = own.some(({ host }) => host.text === peer.host.text);
      if (peer.source === "self" && !isOwn) this.list.forget(peer.host.text);
    }
  }

  /** None when nobody is to hear of us. */
  #own(): readonly Candidate[] {
    return this.#options.mode === "announce" ? this.#options.own() : [];
  }

  /** Never rejects. */
  async #check(slot: Slot): Promise<void> {
    const { log } = this.#options;
    const { host } = slot.peer;
    try {
      const { found, address } = await this.#look(slot);
      // It may have been sent away meanwhile.
      if (this.list.get(host.text) !== slot) return;
      const wasGood = slot.peer.verdict === "good";
      this.list.passed(slot, address, found);
      this.checks.good += 1;
      if (!wasGood) log.info("an Electrum peer is good", { host: host.text, software: found.software });
      this.#learn(found, host.text);
    } catch (error) {
      if (this.#stopping.signal.aborted || this.list.get(host.text) !== slot) return;
      const failure = error instanceof PeerFailure ? error : new PeerFailure("unreachable", reasonOf(error));
      if (failure.kind !== "ours") this.checks[failure.kind] += 1;
      const isForgotten = this.list.failed(slot, failure);
      log.debug("an Electrum peer has not passed", { host: host.text, why: failure.message, isForgotten });
    }
  }

  /** By each way there is, until one leads to somebody who answers. */
  async #look(slot: Slot): Promise<{ found: Findings; address: string | null }> {
    let last: unknown = new PeerFailure("unreachable", "there is no way to it");
    for (const target of await this.#targets(slot)) {
      try {
        const found = await this.#visit(slot, target);
        return { found, address: target.address };
      } catch (error) {
        // Who has answered wrongly is not asked at his other door.
        if (error instanceof PeerFailure && error.kind !== "unreachable") throw error;
        if (this.#stopping.signal.aborted) throw error;
        last = error;
      }
    }
    throw last;
  }

  async #targets({ peer, otherPorts }: Slot): Promise<PeerTarget[]> {
    const { host } = peer;
    const isByTor = host.kind === "onion" || this.#options.isOnlyByTor;
    if (isByTor && !this.#options.hasTor) {
      throw new PeerFailure("ours", "it is reached only through Tor, and [tor] socks is not set");
    }
    const addresses = isByTor ? [null] : await this.#addressesOf(peer.host.text);
    if (isByTor && host.kind !== "onion") this.#mustBeAllowed([host.text].filter((text) => isIP(text) !== 0));
    const ports = [peer.ports, ...(otherPorts === undefined ? [] : [otherPorts])];
    return ports.flatMap(({ tls, tcp }) =>
      [
        { port: tls, isTls: true },
        { port: tcp, isTls: false },
      ].flatMap(({ port, isTls }) =>
        port === null ? [] : addresses.map((address) => ({ host, address, port, isTls })),
      ),
    );
  }

  async #addressesOf(host: string): Promise<string[]> {
    const found = isIP(host) === 0 ? await this.#options.names.addressesOf(host) : [host];
    const addresses = found.map(canonicalAddress).filter((address) => address !== undefined);
    return this.#mustBeAllowed(addresses).slice(0, ADDRESSES_MAX);
  }

  /** A name can be made to point anywhere: we are nobody's way into this network. */
  #mustBeAllowed(addresses: readonly string[]): string[] {
    const { isPrivateNetwork, isBanned } = this.#options;
    const open = addresses.filter((address) => isPrivateNetwork || isGlobalAddress(address));
    if (addresses.length > 0 && open.length === 0) {
      throw new PeerFailure("bad", "it has only addresses that are not of the world");
    }
    const allowed = open.filter((address) => !isBanned(address));
    if (open.length > 0 && allowed.length === 0) throw new PeerFailure("bad", "its address is banned");
    return allowed;
  }

  async #visit(slot: Slot, target: PeerTarget): Promise<Findings> {
    const { clock, dial, chain, genesisHash, software, range, defaultPorts } = this.#options;
    const { connectMs, answerMs, wholeMs } = target.address === null ? PATIENCE.byTor : PATIENCE.direct;
    const objection = this.list.objection(slot, target.address);
    if (objection !== undefined) throw new PeerFailure("bad", objection);
    const ending = new AbortController();
    const end = () => ending.abort();
    this.#stopping.signal.addEventListener("abort", end, { once: true });
    if (this.#stopping.signal.aborted) end();
    let timer = clock.after(connectMs, end, { background: true });
    let talk: PeerConversation | undefined;
    try {
      talk = new PeerConversation(await dial(target, ending.signal), clock, answerMs);
      const { close, ask } = { close: () => talk?.close(), ask: talk.ask.bind(talk) };
      ending.signal.addEventListener("abort", close, { once: true });
      timer.cancel();
      timer = clock.after(wholeMs, end, { background: true });
      const { host } = slot.peer;
      const found = await checkPeer({ ask, host, chain, genesisHash, software, range, defaultPorts });
      // Another of the same neighbourhood may have passed meanwhile.
      const late = this.list.objection(slot, target.address);
      if (late !== undefined) throw new PeerFailure("bad", late);
      await this.#announce(talk, found, target);
      return found;
    } finally {
      timer.cancel();
      this.#stopping.signal.removeEventListener("abort", end);
      talk?.close();
    }
  }

  /** Asks a peer that does not know us to add us. Our onion address is told only through Tor: else it would be told together with where we are. */
  async #announce(talk: PeerConversation, { peers }: Findings, { host, address }: PeerTarget): Promise<void> {
    const isByTor = address === null;
    const own = this.#own();
    if (own.some((each) => each.host.text === host.text)) return;
    const us = own.find((each) => (each.host.kind === "onion") === isByTor);
    if (us === undefined) return;
    const known = peers.find((each) => each.host.text === us.host.text);
    if (known !== undefined && known.ports.tcp === us.ports.tcp && known.ports.tls === us.ports.tls) return;
    // Whether it does so is its own matter, and may become known later.
    await talk.ask("server.add_peer", [this.#options.features(us.host.text)]).catch(() => undefined);
  }

  #learn({ peers }: Findings, from: string): void {
    const { random, hasTor, isOnlyByTor, isPrivateNetwork } = this.#options;
    const usable = peers.filter(({ host }) => {
      if (this.list.get(host.text) !== undefined) return false;
      if (host.kind === "onion") return hasTor;
      if (isOnlyByTor && !hasTor) return false;
      return isIP(host.text) === 0 || isPrivateNetwork || isGlobalAddress(host.text);
    });
    for (let count = 0; count < NEW_PER_LIST && usable.length > 0; count++) {
      const [chosen] = usable.splice(Math.floor(random() * usable.length), 1);
      if (chosen !== undefined) this.list.note(chosen, from);
    }
  }

  #write(): void {
    const { clock, log, genesisHash } = this.#options;
    this.#writtenAtMs = clock.monotonicMs();
    if (this.list.changes === this.#writtenChanges) return;
    try {
      writePeers(
        this.#path,
        genesisHash,
        this.list.slots.map(({ peer }) => peer),
      );
      this.#writtenChanges = this.list.changes;
    } catch (error) {
      log.warn("the list of Electrum peers cannot be kept", { path: this.#path, error: toWireError(error) });
    }
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return words(typeof code === "string" ? code : String(message));
}
