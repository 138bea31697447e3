/** Who is on the onion channel: in which directories each peer was seen, where it can be dialled, what it can do. */
import { isNick } from "../../nick/nick.ts";
import type { DirectoryLink } from "./directory-link.ts";
import type { ListedPeer } from "./peerlist.ts";

/** Twice what any directory takes. One that invents more is not believed, and takes no room from the others. */
const PEERS_OF_ONE_MAX = 20_000;

export interface KnownPeer {
  /** Those that show it, each with where it says that the peer can be dialled. */
  readonly directories: Map<DirectoryLink, string | undefined>;
  features: ReadonlySet<string>;
  /** By which directory its last verified message came. */
  lastWay: DirectoryLink | undefined;
}

export interface PeerTableOptions {
  readonly ownNick: string;
  onSeen(nick: string, features: ReadonlySet<string>): void;
  onGone(nick: string): void;
  /** Whether a peer can be reached without any directory. */
  isDirect(nick: string): boolean;
}

export class PeerTable {
  readonly #options: PeerTableOptions;
  readonly #peers = new Map<string, KnownPeer>();
  /** How many each directory shows. */
  readonly #shown = new Map<DirectoryLink, number>();

  constructor(options: PeerTableOptions) {
    this.#options = options;
  }

  /** Whether somebody who is heard by this way can be kept in mind; direct connections are few. */
  hasRoom(nick: string, directory: DirectoryLink | undefined): boolean {
    if (nick === this.#options.ownNick || !isNick(nick)) return false;
    return this.#peers.has(nick) || directory === undefined || this.#isRoomIn(directory);
  }

  get(nick: string): KnownPeer | undefined {
    return this.#peers.get(nick);
  }

  /**
   * Where a peer can be dialled: as the directory says that brought its last words. Of one that has said nothing only what
   * all agree on counts, or any of them could have us talk to somebody else in its place.
   */
  placeOf(nick: string): string | undefined {
    const peer = this.#peers.get(nick);
    if (peer === undefined) return undefined;
    const { directories, lastWay } = peer;
    if (lastWay !== undefined) return directories.get(lastWay);
    const places = new Set([...directories.values()].filter((place) => place !== undefined));
    return places.size === 1 ? [...places][0] : undefined;
  }

  /** It has been heard; nothing if it is no peer or there are too many. */
  seen(nick: string, directory: DirectoryLink | undefined): KnownPeer | undefined {
    const isNew = !this.#peers.has(nick);
    const peer = this.#entry(nick, directory);
    if (peer === undefined) return undefined;
    if (isNew) this.#options.onSeen(nick, peer.features);
    return peer;
  }

  listed(listed: ListedPeer, directory: DirectoryLink): void {
    if (listed.hasLeft) return this.lost(listed.nick, directory);
    const isNew = !this.#peers.has(listed.nick);
    const peer = this.#entry(listed.nick, directory);
    if (peer === undefined) return;
    if (listed.location !== undefined && peer.directories.has(directory)) {
      peer.directories.set(directory, listed.location);
    }
    // An entry without features says nothing of them: directories leave them out for many reasons.
    const hasNews = [...listed.features].some((feature) => !peer.features.has(feature));
    if (hasNews) peer.features = listed.features;
    if (isNew || hasNews) this.#options.onSeen(listed.nick, peer.features);
  }

  /** It has left one directory, or its direct connection has ended. */
  lost(nick: string, directory: DirectoryLink | undefined): void {
    const peer = this.#peers.get(nick);
    if (peer === undefined) return;
    if (directory !== undefined) {
      if (peer.directories.delete(directory)) this.#count(directory, -1);
      if (peer.lastWay === directory) peer.lastWay = undefined;
    }
    if (peer.directories.size > 0 || this.#options.isDirect(nick)) return;
    this.#peers.delete(nick);
    this.#options.onGone(nick);
  }

  /** The connection to a directory has ended: what it showed cannot be reached through it. */
  forget(directory: DirectoryLink): void {
    for (const [nick, { directories }] of this.#peers) {
      if (directories.has(directory)) this.lost(nick, directory);
    }
  }

  #entry(nick: string, directory: DirectoryLink | undefined): KnownPeer | undefined {
    if (!this.hasRoom(nick, directory)) return undefined;
    const known = this.#peers.get(nick);
    const peer: KnownPeer = known ?? {
      directories: new Map(),
      features: new Set(),
      lastWay: undefined,
    };
    if (known === undefined) this.#peers.set(nick, peer);
    if (directory !== undefined && !peer.directories.has(directory) && this.#isRoomIn(directory)) {
      peer.directories.set(directory, undefined);
      this.#count(directory, 1);
    }
    return peer;
  }

  #isRoomIn(directory: DirectoryLink): boolean {
    return (this.#shown.get(directory) ?? 0) < PEERS_OF_ONE_MAX;
  }

  #count(directory: DirectoryLink, by: 1 | -1): void {
    this.#shown.set(directory, (this.#shown.get(directory) ?? 0) + by);
  }
}
