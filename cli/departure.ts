/** Whoever leaves something that goes on by itself is told so, and how it is ended. */
import { type Terminal, widthOf } from "./terminal-io.ts";
import { wrap } from "./view/terminal.ts";

/** Ctrl-C ends the program as ever, after these words. */
export async function whileWatched<A>(
  work: Promise<A>,
  parting: readonly string[],
  terminal: Terminal,
): Promise<A> {
  const leave = () => {
    const lines = parting.flatMap((text) => wrap(text, widthOf(terminal)));
    // Not on stdout, which may be JSON; the terminal has written `^C` where it stands.
    terminal.stderr.write(`\n${lines.join("\n")}\n`);
    process.kill(process.pid, "SIGINT");
  };
  process.once("SIGINT", leave);
  try {
    return await work;
  } finally {
    process.off("SIGINT", leave);
  }
}
