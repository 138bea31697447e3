/** Waits for something to become true: looked at whenever somebody says that things have changed, and given up in time. */
import type { Clock } from "../../runtime/clock.ts";

export interface Patience {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export class Pokes {
  readonly #waiting = new Set<() => void>();

  /** Something may be otherwise than before. */
  poke(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** False when the time is over first. Rejects with the signal's reason. */
  until(holds: () => boolean, { clock, timeoutMs, signal }: Patience): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (holds()) return resolve(true);
      const end = (settle: () => void) => {
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
        this.#waiting.delete(look);
        settle();
      };
      const look = () => {
        if (holds()) end(() => resolve(true));
      };
      const onAbort = () => end(() => reject(signal?.reason));
      const timer = clock.after(timeoutMs, () => end(() => resolve(holds())));
      this.#waiting.add(look);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
