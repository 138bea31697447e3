/** Fake time that passes only when nobody works: it jumps from one timer to the next as soon as every call is answered and every message read. */
import type { Delivery, PublishOptions, SubscribeOptions, Transport } from "../../bus/carrier/transport.ts";
import { ManualClock, type Timer } from "../../runtime/clock.ts";

/** With no call under way for so many turns of the event loop nobody is about to say anything. */
const QUIET_TURNS = 6;
/** Timers that are far away are come to in steps, so that nothing is jumped over that begins in between. */
const JUMP_MS = 5_000;
/** Time passes at most so much faster than ours, so that whoever waits in ours has not slept through hours. */
const SPEED_MAX = 3_000;
/** A call that is lost with its callee does not hold time up for ever; in real time. */
const LOST_MS = 3_000;

export class PatientClock extends ManualClock {
  readonly #dues = new Map<number, number>();
  readonly #calls = new Map<string, number>();
  #timers = 0;
  #isOver = false;
  #activity = 0;
  /** Up to here it passes as fast as it can. */
  #hurryUntilMs = 0;
  #running: Promise<void> = Promise.resolve();

  override after(delayMs: number, run: () => void): Timer {
    const id = this.#timers++;
    this.#dues.set(id, this.monotonicMs() + Math.max(0, delayMs));
    const timer = super.after(delayMs, () => {
      this.#dues.delete(id);
      this.#activity++;
      run();
    });
    return {
      cancel: () => {
        this.#dues.delete(id);
        timer.cancel();
      },
    };
  }

  /** Time begins to pass. */
  start(): void {
    this.#running = this.#run();
  }

  /** Resolves so much later, with all that happens until then. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.monotonicMs() + ms;
    this.#hurryUntilMs = untilMs;
    while (this.monotonicMs() < untilMs) await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Everybody's connection to the bus: while one of its calls waits for an answer, time stands still. */
  watched(transport: Transport): Transport {
    // Whoever leads the test waits in our time.
    if (transport.user === "operator") return transport;
    const begun = (options: PublishOptions | undefined) => {
      this.#activity++;
      if (options?.reply !== undefined) this.#calls.set(options.reply, performance.now());
    };
    const ended = ({ subject }: Delivery) => {
      this.#activity++;
      this.#calls.delete(subject);
    };
    return new Proxy(transport, {
      get(target, name) {
        if (name === "publish") {
          return (subject: string, body: Uint8Array, options?: PublishOptions) => {
            begun(options);
            target.publish(subject, body, options);
          };
        }
        if (name === "subscribe") {
          return (pattern: string, options: SubscribeOptions, deliver: (delivery: Delivery) => void) =>
            target.subscribe(pattern, options, (delivery) => {
              ended(delivery);
              deliver(delivery);
            });
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  async #run(): Promise<void> {
    let seen = this.#activity;
    let quiet = 0;
    let realMs = performance.now();
    let budgetMs = 0;
    while (!this.#isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      const nowMs = performance.now();
      budgetMs = Math.min(JUMP_MS, budgetMs + (nowMs - realMs) * SPEED_MAX);
      realMs = nowMs;
      if (seen !== this.#activity || this.#isWorking()) {
        seen = this.#activity;
        quiet = 0;
        continue;
      }
      if (++quiet < QUIET_TURNS) continue;
      const nextMs = Math.min(...this.#dues.values()) - this.monotonicMs();
      const stepMs = Math.min(JUMP_MS, Math.max(1, nextMs));
      if (stepMs > budgetMs && this.monotonicMs() >= this.#hurryUntilMs) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      budgetMs -= stepMs;
      quiet = 0;
      this.advance(stepMs);
      seen = this.#activity;
    }
  }

  #isWorking(): boolean {
    if (this.#calls.size === 0) return false;
    const nowMs = performance.now();
    for (const [reply, beganMs] of this.#calls) if (nowMs - beganMs > LOST_MS) this.#calls.delete(reply);
    return this.#calls.size > 0;
  }
}
