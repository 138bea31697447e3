/** Follows something that goes on by itself, and says what is new of it. */
import { untilAnswered } from "./patience.ts";
import { say, type Terminal } from "./terminal-io.ts";

export interface Following<R> {
  /** Answers when there is something newer; at once where nothing is named. */
  readonly look: (newer: { readonly newerThan?: number }) => Promise<R>;
  readonly lineOf: (now: R) => string;
  /** Nothing more comes, or not without its owner. */
  readonly isEnd: (now: R) => boolean;
  readonly isSilent: boolean;
}

/** How it stood at its end. */
export async function following<R extends { readonly version: number }>(
  begun: R,
  { look, lineOf, isEnd, isSilent }: Following<R>,
  terminal: Terminal,
): Promise<R> {
  let now = begun;
  let said = "";
  for (;;) {
    const line = lineOf(now);
    if (!isSilent && line !== said) say(terminal, line);
    said = line;
    if (isEnd(now)) return now;
    const { version: newerThan } = now;
    now = await untilAnswered((isAgain) => look(isAgain ? {} : { newerThan }), "The taker", terminal);
  }
}
