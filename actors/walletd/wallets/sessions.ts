/** Who may use which open wallet: random words that unlocking gives, bound to the actor that asked, kept in memory only. */
import { randomBytes } from "node:crypto";

/** More than a person's browsers and terminals; the oldest goes. */
const SESSIONS_MAX = 64;
const SESSION_BYTES = 32;

interface Session {
  readonly wallet: string;
  readonly caller: string;
}

export class Sessions {
  /** Looked up by hash table, which compares whole words: how long that takes says nothing about a guess of 256 bits. */
  readonly #sessions = new Map<string, Session>();

  begin(wallet: string, caller: string): string {
    const own = [...this.#sessions].filter(([, session]) => session.wallet === wallet);
    for (const [id] of own.slice(0, Math.max(0, own.length - SESSIONS_MAX + 1))) this.#sessions.delete(id);
    const id = randomBytes(SESSION_BYTES).toString("hex");
    this.#sessions.set(id, { wallet, caller });
    return id;
  }

  isValid(id: string, wallet: string, caller: string): boolean {
    const session = this.#sessions.get(id);
    return session !== undefined && session.wallet === wallet && session.caller === caller;
  }

  endAll(wallet: string): void {
    for (const [id, session] of this.#sessions) if (session.wallet === wallet) this.#sessions.delete(id);
  }
}
