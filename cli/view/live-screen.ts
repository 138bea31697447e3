/** A picture that changes, on the terminal's other screen, until the person at it has seen enough. */
import { systemClock } from "../../runtime/clock.ts";
import type { Terminal } from "../terminal-io.ts";

/** The alternate screen without a cursor, and back. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const LEAVING_KEYS = ["q", "Q", "\r", "\n", "\u0003", "\u001b", "\u0004"];

export interface Picture {
  readonly everyMs: number;
  /** Looks again; what it throws ends the picture. */
  readonly refresh: () => Promise<void> | void;
  /** As many lines as the terminal has, at the most. */
  readonly lines: () => readonly string[];
}

/** Redraws until `q`, Enter, Escape, Ctrl-C or Ctrl-D. */
export async function liveScreen(
  { stdin, stdout }: Terminal,
  { everyMs, refresh, lines }: Picture,
): Promise<void> {
  const left = new AbortController();
  const onKey = (key: Buffer) => {
    if (LEAVING_KEYS.includes(key.toString())) left.abort();
  };
  // Line by line over the old picture: clearing the whole screen first would flicker.
  const draw = () =>
    stdout.write(
      `${HOME}${lines()
        .map((line) => `${line}${CLEAR_LINE}`)
        .join("\r\n")}${CLEAR_BELOW}`,
    );
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on("data", onKey);
  stdout.write(ENTER);
  stdout.on("resize", draw);
  try {
    while (!left.signal.aborted) {
      await refresh();
      draw();
      await pause(everyMs, left.signal);
    }
  } finally {
    stdout.off("resize", draw);
    stdin.off("data", onKey);
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write(LEAVE);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.after(ms, resolve);
    signal.addEventListener(
      "abort",
      () => {
        timer.cancel();
        resolve();
      },
      { once: true },
    );
  });
}
