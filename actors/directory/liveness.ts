/** Which bots still live: who is silent for long is asked, and who does not answer is shown out. */
import { PING } from "../../joinmarket/channel/onion/directory-link.ts";
import { EVERYBODY, LineType, routedText } from "../../joinmarket/channel/onion/line.ts";
import type { Clock, Timer } from "../../runtime/clock.ts";
import type { Bot, Bots } from "./bots.ts";

const SWEEP_MS = 60_000;
const ANSWER_MS = 30_000;
/** Of bots that cannot be asked: takers of joinmarket-clientserver say nothing for long, and live. */
const SILENCE_FACTOR = 2.5;

export interface LivenessOptions {
  readonly bots: Bots;
  readonly clock: Clock;
  readonly ownNick: string;
  readonly idleMs: number;
  onSilent(bot: Bot): void;
}

export class Liveness {
  readonly #options: LivenessOptions;
  #timer: Timer | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, idleMs } = this.#options;
    const everyMs = Math.min(SWEEP_MS, Math.max(1_000, idleMs / 5));
    this.#timer = clock.after(
      everyMs,
      () => {
        this.#sweep();
        this.start();
      },
      { background: true },
    );
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #sweep(): void {
    const { bots, clock, idleMs, onSilent } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const bot of [...bots.all()]) {
      const silentMs = nowMs - bot.heardMs;
      const isUnanswered = bot.askedMs !== undefined && nowMs - bot.askedMs >= ANSWER_MS;
      if (isUnanswered || silentMs >= idleMs * SILENCE_FACTOR) onSilent(bot);
      else if (silentMs >= idleMs && bot.askedMs === undefined) this.#ask(bot, nowMs);
    }
  }

  #ask(bot: Bot, nowMs: number): void {
    if (bot.features.has(PING)) bot.connection.send(LineType.ping, "");
    else if (bot.location !== undefined) {
      // Makers that know no ping answer a request for their offers.
      const question = routedText({ from: this.#options.ownNick, to: EVERYBODY, text: "orderbook" });
      bot.connection.send(LineType.public, question);
    } else return;
    bot.askedMs = nowMs;
  }
}
