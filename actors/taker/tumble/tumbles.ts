/** All tumbles of this taker: those that run, those that a restart has interrupted, and the last that ended. */
import type { Tumble } from "../../../bus/contracts/taker/tumble.ts";
import { denials } from "../denials.ts";
import { isTumbleOver, type TumbleRecord } from "./record.ts";
import { RunningTumble, type TumbleParts } from "./tumble.ts";

/** How long the answer to "stop" waits for a coinjoin to be given up. */
const END_MS = 3_000;

export class Tumbles {
  readonly #parts: TumbleParts;
  /** The oldest first. */
  readonly #tumbles = new Map<string, RunningTumble>();

  constructor(parts: TumbleParts) {
    this.#parts = parts;
  }

  get running(): number {
    return [...this.#tumbles.values()].filter(({ isOver }) => !isOver).length;
  }

  /** Goes on with what was interrupted. */
  resume(): void {
    const { folder, coinjoins } = this.#parts;
    for (const record of folder.prune(folder.load(coinjoins.log))) {
      const tumble = new RunningTumble(this.#parts, record);
      this.#tumbles.set(record.id, tumble);
      if (isTumbleOver(record)) continue;
      coinjoins.log.info("a tumble that was interrupted goes on", { tumble: record.id, state: record.state });
      tumble.begin();
    }
  }

  begin(record: TumbleRecord): Tumble {
    this.checkFree(record.wallet);
    const tumble = new RunningTumble(this.#parts, record);
    tumble.begin();
    this.#tumbles.set(record.id, tumble);
    this.#prune();
    return tumble.shown;
  }

  /** A wallet tumbles once at a time. */
  checkFree(wallet: string, except?: string): void {
    for (const { isOver, record } of this.#tumbles.values()) {
      if (!isOver && record.wallet === wallet && record.id !== except)
        throw denials.tumbles(wallet, record.id);
    }
  }

  need(id: string): RunningTumble {
    const tumble = this.#tumbles.get(id);
    if (tumble === undefined) throw denials.noSuchTumble(id);
    return tumble;
  }

  async end(id: string, signal: AbortSignal): Promise<Tumble> {
    const tumble = this.need(id);
    await tumble.end(END_MS, signal);
    return tumble.shown;
  }

  /** The newest first. */
  list(limit: number, wallet?: string): Tumble[] {
    return [...this.#tumbles.values()]
      .filter(({ record }) => wallet === undefined || record.wallet === wallet)
      .map(({ shown }) => shown)
      .sort((a, b) => b.startedAtS - a.startedAtS)
      .slice(0, limit);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#tumbles.values()].map((tumble) => tumble.stop()));
  }

  #prune(): void {
    const records = [...this.#tumbles.values()].map(({ record }) => record);
    const kept = new Set(this.#parts.folder.prune(records).map(({ id }) => id));
    for (const id of this.#tumbles.keys()) if (!kept.has(id)) this.#tumbles.delete(id);
  }
}
