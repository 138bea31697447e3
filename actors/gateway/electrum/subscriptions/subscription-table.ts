/** Who has subscribed to which scripts, and what they were told last: rows of numbers, because there are hundreds of thousands. */
import { HASH_LENGTH_BYTES } from "../../../../bitcoin/bytes.ts";

/** A script hash as 32 characters of one byte each: half of what its hex takes. */
export type ScriptKey = string;

const NONE = -1;
const CAPACITY_FIRST = 64;

export function scriptKey(scripthash: string): ScriptKey {
  return Buffer.from(scripthash, "hex").toString("latin1");
}

/** Of many at once, which is several times as fast as one by one. */
export function scriptKeys(scripthashes: readonly string[]): ScriptKey[] {
  const all = Buffer.from(scripthashes.join(""), "hex").toString("latin1");
  return scripthashes.map((_, i) => all.slice(i * HASH_LENGTH_BYTES, (i + 1) * HASH_LENGTH_BYTES));
}

export function scripthashOf(key: ScriptKey): string {
  return Buffer.from(key, "latin1").toString("hex");
}

/** `S` is what stands for a session: an object that lives as long as it. */
export class SubscriptionTable<S extends object> {
  /** By script: the row. */
  readonly #rows = new Map<ScriptKey, number>();
  /** By session: for each of its rows the link that ties the two. */
  readonly #sessions = new Map<S, Map<number, number>>();
  readonly #freeRows: number[] = [];
  readonly #freeLinks: number[] = [];
  readonly #keys: (ScriptKey | undefined)[] = [];
  /** By row: 32 bytes of status, whether there is one, and the first link. */
  #statuses = Buffer.alloc(CAPACITY_FIRST * HASH_LENGTH_BYTES);
  #hasStatus = new Uint8Array(CAPACITY_FIRST);
  #firstLinks = new Int32Array(CAPACITY_FIRST).fill(NONE);
  /** By link: the session, and the links of other sessions to the same row. */
  readonly #linked: (S | undefined)[] = [];
  #next = new Int32Array(CAPACITY_FIRST);
  #previous = new Int32Array(CAPACITY_FIRST);

  /** How many scripts somebody has subscribed to. */
  get scripts(): number {
    return this.#rows.size;
  }

  /** How many subscriptions there are in all. */
  get subscriptions(): number {
    return this.#linked.length - this.#freeLinks.length;
  }

  has(key: ScriptKey): boolean {
    return this.#rows.has(key);
  }

  keys(): IterableIterator<ScriptKey> {
    return this.#rows.keys();
  }

  isSubscribed(session: S, key: ScriptKey): boolean {
    const row = this.#rows.get(key);
    return row !== undefined && this.#sessions.get(session)?.has(row) === true;
  }

  /** False when it was already; then nothing changes. The first subscriber of a script brings its status. */
  subscribe(session: S, key: ScriptKey, status: string | null): boolean {
    const row = this.#rows.get(key) ?? this.#newRow(key, status);
    let links = this.#sessions.get(session);
    if (links === undefined) {
      links = new Map();
      this.#sessions.set(session, links);
    }
    if (links.has(row)) return false;
    links.set(row, this.#newLink(session, row));
    return true;
  }

  /** False when it was not subscribed. */
  unsubscribe(session: S, key: ScriptKey): boolean {
    const row = this.#rows.get(key);
    const links = this.#sessions.get(session);
    const link = row === undefined ? undefined : links?.get(row);
    if (row === undefined || links === undefined || link === undefined) return false;
    links.delete(row);
    if (links.size === 0) this.#sessions.delete(session);
    this.#dropLink(link, row);
    return true;
  }

  /** Takes away all that the session has subscribed to. */
  forget(session: S): void {
    for (const [row, link] of this.#sessions.get(session) ?? []) this.#dropLink(link, row);
    this.#sessions.delete(session);
  }

  /** Ends all subscriptions to the script; returns whose they were. */
  drop(key: ScriptKey): readonly S[] {
    const row = this.#rows.get(key);
    const sessions = row === undefined ? [] : this.#subscribersOf(row);
    for (const session of sessions) this.unsubscribe(session, key);
    return sessions;
  }

  /** What the script's subscribers were told last; undefined when there are none. */
  statusOf(key: ScriptKey): string | null | undefined {
    const row = this.#rows.get(key);
    if (row === undefined) return undefined;
    if (this.#hasStatus[row] === 0) return null;
    return this.#statuses.toString("hex", row * HASH_LENGTH_BYTES, (row + 1) * HASH_LENGTH_BYTES);
  }

  /** The sessions that must hear of the status; none when it is the one they know. */
  update(key: ScriptKey, status: string | null): readonly S[] {
    const row = this.#rows.get(key);
    if (row === undefined || this.statusOf(key) === status) return [];
    this.#setStatus(row, status);
    return this.#subscribersOf(row);
  }

  #subscribersOf(row: number): S[] {
    const sessions: S[] = [];
    for (let link = this.#firstLinks[row] as number; link !== NONE; link = this.#next[link] as number) {
      sessions.push(this.#linked[link] as S);
    }
    return sessions;
  }

  #newRow(key: ScriptKey, status: string | null): number {
    const row = this.#freeRows.pop() ?? this.#keys.length;
    if (row >= this.#hasStatus.length) {
      const capacity = 2 * row;
      this.#statuses = Buffer.concat([this.#statuses], capacity * HASH_LENGTH_BYTES);
      this.#hasStatus = grown(this.#hasStatus, new Uint8Array(capacity));
      this.#firstLinks = grown(this.#firstLinks, new Int32Array(capacity).fill(NONE));
    }
    this.#keys[row] = key;
    this.#rows.set(key, row);
    this.#setStatus(row, status);
    return row;
  }

  #setStatus(row: number, status: string | null): void {
    this.#hasStatus[row] = status === null ? 0 : 1;
    if (status !== null) this.#statuses.write(status, row * HASH_LENGTH_BYTES, "hex");
  }

  #newLink(session: S, row: number): number {
    const link = this.#freeLinks.pop() ?? this.#linked.length;
    if (link >= this.#next.length) {
      this.#next = grown(this.#next, new Int32Array(2 * link));
      this.#previous = grown(this.#previous, new Int32Array(2 * link));
    }
    const first = this.#firstLinks[row] as number;
    this.#linked[link] = session;
    this.#next[link] = first;
    this.#previous[link] = NONE;
    if (first !== NONE) this.#previous[first] = link;
    this.#firstLinks[row] = link;
    return link;
  }

  #dropLink(link: number, row: number): void {
    const next = this.#next[link] as number;
    const previous = this.#previous[link] as number;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#firstLinks[row] = next;
    this.#linked[link] = undefined;
    this.#freeLinks.push(link);
    if (this.#firstLinks[row] !== NONE) return;
    this.#rows.delete(this.#keys[row] as ScriptKey);
    this.#keys[row] = undefined;
    this.#freeRows.push(row);
  }
}

function grown<A extends Uint8Array | Int32Array>(old: A, larger: A): A {
  larger.set(old);
  return larger;
}
