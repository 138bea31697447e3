/** Statuses of long histories: the digest of the confirmed part is kept, so that a new block costs only what it adds. */
import { createHash, type Hash } from "node:crypto";
import { type ConfirmedEntry, confirmedText, type History, unconfirmedText } from "./history.ts";
import { turn } from "./turn.ts";

/** What was digested of a script's history, up to one of its entries. */
interface Digested {
  readonly count: number;
  readonly last: ConfirmedEntry;
  readonly digest: Hash;
}

/** Each holds a few hundred bytes outside the heap. */
const KEPT_MAX = 2_000;
/** Shorter ones are digested faster than looked up. */
const LONG_ENTRIES = 2_000;
/** Entries that are digested in one turn of the loop. */
const PIECE_ENTRIES = 2_000;

export class StatusDigests {
  /** The longest unused first. */
  readonly #kept = new Map<string, Digested>();
  /** Grows when all is forgotten: what was begun before is then not kept. */
  #generation = 0;

  of(scripthash: string, history: History): string | null | Promise<string> {
    return history.length <= LONG_ENTRIES ? history.status() : this.#long(scripthash, history);
  }

  /** A chain that turned back may have changed what comes before the last entry. */
  clear(): void {
    this.#generation += 1;
    this.#kept.clear();
  }

  async #long(scripthash: string, history: History): Promise<string> {
    const { confirmed, unconfirmed } = history;
    const generation = this.#generation;
    const known = this.#begun(scripthash, confirmed);
    const digest = known?.digest.copy() ?? createHash("sha256");
    for (let at = known?.count ?? 0; at < confirmed.length; at += PIECE_ENTRIES) {
      digest.update(confirmedText(confirmed, at, at + PIECE_ENTRIES), "latin1");
      await turn();
    }
    const last = confirmed.at(-1);
    if (last !== undefined && generation === this.#generation) {
      this.#keep(scripthash, { count: confirmed.length, last, digest: digest.copy() });
    }
    return digest.update(unconfirmedText(unconfirmed), "latin1").digest("hex");
  }

  /** What is kept, if this history goes on from there. */
  #begun(scripthash: string, confirmed: readonly ConfirmedEntry[]): Digested | undefined {
    const known = this.#kept.get(scripthash);
    if (known === undefined) return undefined;
    const there = confirmed[known.count - 1];
    return there?.txid === known.last.txid && there.height === known.last.height ? known : undefined;
  }

  #keep(scripthash: string, digested: Digested): void {
    this.#kept.delete(scripthash);
    this.#kept.set(scripthash, digested);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
  }
}
