/** Tells whoever sits at a terminal what a long answer is waiting for. */
import { systemClock } from "../runtime/clock.ts";
import type { Terminal } from "./terminal-io.ts";

/** What a look at the market waits for: the makers' answers. */
export const ASKING_MAKERS = "Asking the makers for their offers: a minute or so at the most.";

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
