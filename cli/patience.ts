/** Tells whoever sits at a terminal what a long answer is waiting for, and asks again where that passes. */
import { type Clock, sleep, systemClock } from "../runtime/clock.ts";
import { hasCode } from "../runtime/errors.ts";
import type { Terminal } from "./terminal-io.ts";

/** What a look at the market waits for: the makers' answers. */
export const ASKING_MAKERS = "Asking the makers for their offers: a minute or so at the most.";

/** The actor that answers is being started again, or has much to do. */
const PASSING = ["BUS_UNAVAILABLE", "BUS_DEADLINE", "BUS_BUSY"];
const AGAIN_MS = 1_000;
/** Longer than an actor needs to come back. */
const AWAY_MAX_MS = 120_000;
/** Longer than an answer takes that nobody has to wait for. */
const PATIENCE_MS = 2_000;

export async function withPatience<A>(answer: Promise<A>, text: string, terminal: Terminal): Promise<A> {
  const timer = systemClock.after(PATIENCE_MS, () => {
    // A pipe is read by programs, which need no company.
    if (terminal.stderr.isTTY) terminal.stderr.write(`${text}\n`);
  });
  try {
    return await answer;
  } finally {
    timer.cancel();
  }
}

export function isPassing(error: unknown): boolean {
  return PASSING.some((code) => hasCode(error, code));
}

/**
 * For questions that change nothing. What is watched goes on while the actor that tells of it is away, or is taken up when
 * it is back; what it told before, such as how new its news was, counts no more then (`isAgain`).
 */
export async function untilAnswered<A>(
  ask: (isAgain: boolean) => Promise<A>,
  who: string,
  terminal: Terminal,
  clock: Clock = systemClock,
): Promise<A> {
  let awayMs: number | undefined;
  for (;;) {
    try {
      return await ask(awayMs !== undefined);
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (awayMs === undefined) {
        awayMs = clock.monotonicMs();
        terminal.stderr.write(`${who} does not answer just now: asking again.\n`);
      } else if (clock.monotonicMs() - awayMs >= AWAY_MAX_MS) {
        throw error;
      }
      await sleep(clock, AGAIN_MS);
    }
  }
}
