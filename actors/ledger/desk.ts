/** The books as the answers use them: each change with its time and rules, and its news told when it is on the disk. */
import type { Network } from "../../bitcoin/network.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { News, Tx } from "./books/transaction.ts";
import type { LedgerConfig } from "./config.ts";
import type { LedgerStore, Tables } from "./store/store.ts";

export interface DeskParts {
  readonly store: LedgerStore;
  readonly rules: LedgerConfig;
  readonly network: Network;
  readonly clock: Clock;
  readonly randomBytes: (lengthBytes: number) => Uint8Array;
  readonly randomBelow: (end: number) => number;
  readonly onNews: (news: News) => void;
}

const MS_PER_S = 1_000;

export class Desk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  get nowS(): number {
    return Math.floor(this.#parts.clock.now() / MS_PER_S);
  }

  read<T>(work: (tables: Tables) => T): T {
    return this.#parts.store.read(work);
  }

  /** With time and rules, for what only looks: the store refuses a change. */
  look<T>(work: (tx: Tx) => T): T {
    return this.#parts.store.read((t) => work(this.#tx(t, emptyNews())));
  }

  write<T>(work: (tx: Tx) => T): T {
    const news = emptyNews();
    const result = this.#parts.store.write((t) => work(this.#tx(t, news)));
    this.#parts.onNews(news);
    return result;
  }

  #tx(t: Tables, news: News): Tx {
    const { rules, network, randomBytes, randomBelow } = this.#parts;
    return { t, nowS: this.nowS, rules, network, randomBytes, randomBelow, news };
  }
}

function emptyNews(): News {
  return { users: new Set(), notices: [] };
}
