/** While something is tried, what a person types on is not shown and not lost: the next question gets it. */
import type { Terminal } from "../../terminal-io.ts";

const CTRL_C = "\u0003";

/** Nothing in it may ask at the terminal. */
export async function hushed<A>({ stdin }: Terminal, doing: () => Promise<A>): Promise<A> {
  const typed: Buffer[] = [];
  const hear = (keys: Buffer | string) => {
    typed.push(Buffer.from(keys));
    // Without echo the terminal makes no signal of it.
    if (keys.includes(CTRL_C)) process.kill(process.pid, "SIGINT");
  };
  stdin.setRawMode(true);
  stdin.on("data", hear);
  stdin.resume();
  try {
    return await doing();
  } finally {
    stdin.off("data", hear);
    stdin.pause();
    stdin.setRawMode(false);
    // Line by line: a question takes a piece at a time, and what follows its answer in the same piece would be lost.
    const lines = Buffer.concat(typed)
      .toString("latin1")
      .split(/(?<=\r)/);
    for (const line of lines.reverse()) stdin.unshift(Buffer.from(line, "latin1"));
  }
}
