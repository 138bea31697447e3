/** Wakes whoever waits for a chain of a test to change. */
export class ChangeSignal {
  #wake: (() => void) | undefined;

  changed(): void {
    this.#wake?.();
  }

  /** Until something changes, the time is over or the signal aborts. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(), timeoutMs);
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      this.#wake = end;
      signal.addEventListener("abort", end, { once: true });
    });
  }
}
