/** The order of all writes to LMDB: each waits for the one before, on which it builds; after one that failed there is none. */
import type { RootDatabase } from "lmdb";
import { systemClock } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { withDeadline } from "../../../runtime/limits.ts";
import type { IndexerFailure } from "../errors.ts";

/** Takes what LMDB gives for each record that is put or removed. */
export type Noted = (record: Promise<unknown>) => void;

/** LMDB tells the system's reason a moment after the failure itself, and may wait without end for what it could not write. */
const PATIENCE_MS = 1_000;

export class WriteOrder {
  readonly #env: RootDatabase;
  #last: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;

  constructor(env: RootDatabase) {
    this.#env = env;
  }

  /**
   * Does it when all before it is committed. LMDB would go on with the next transaction before anybody hears that one has
   * failed, as on a full disk: what builds on it must not be on its way by then. Throws `INDEXER_STORE_UNWRITABLE` from a
   * failure on.
   */
  inTurn<T>(write: () => Promise<T>): Promise<T> {
    const next = this.#last.then(() => {
      if (this.#failure !== undefined) throw this.#failure;
      return write();
    });
    // Who asked for it hears of it.
    this.#last = next.catch(() => {});
    return next;
  }

  /** All that is put and removed in `write` and handed to it, in one transaction. */
  async commit(write: (written: Noted) => void): Promise<void> {
    let heard: Promise<unknown> | undefined;
    try {
      await this.#env.batch(() =>
        write((record) => {
          // Hundreds of records share one promise. It tells what the batch's own tells.
          if (record === heard) return;
          heard = record;
          record.catch(() => {});
        }),
      );
    } catch (error) {
      this.#failure = await unwritable(error);
      throw this.#failure;
    }
  }

  /** When all that was begun is on the disk; after a failure what was committed before it is there, and no more comes. */
  async close(): Promise<void> {
    await this.#last;
    const closed = this.#closeWhole();
    await (this.#failure === undefined ? closed : within(closed, undefined));
  }

  async #closeWhole(): Promise<void> {
    await this.#env.flushed;
    await this.#env.close();
  }
}

async function unwritable(error: unknown): Promise<Error> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  const told = commitError?.then(() => error).catch((reason: unknown) => reason);
  const cause = told === undefined ? error : await within(told, error);
  // Behind the system's words LMDB's binding puts what it did when it opened the store.
  const [reason = ""] = (cause instanceof Error ? cause.message : String(cause)).split(": ");
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_STORE_UNWRITABLE", reason },
    `the index cannot be written (${reason}): the disk is full or failing; nothing of what failed is in the index, and the indexer begins again where it was`,
    { cause },
  );
}

/** `otherwise`, where the promise is not kept in time or fails. */
function within<T>(promise: Promise<T>, otherwise: T): Promise<T> {
  return withDeadline(systemClock, promise, PATIENCE_MS).catch(() => otherwise);
}
