/** Messages in the short lines of IRC: long ones are cut and put together again, short public ones share a line. */
import type { Clock } from "../../../runtime/clock.ts";

/** Of the whole line; servers add the sender's name and cut at 512. */
const LINE_LENGTH_MAX = 450;
const MORE = " ;";
const LAST = " ~";
const TRAILER_LENGTH = 2;
/** "!", the space after the command, and the trailer. */
const OVERHEAD = 4;

const SENDERS_MAX = 500;
const MESSAGE_LENGTH_MAX = 60_000;
/** A peer sends a line in 1.3 seconds. */
const PAUSE_MS_MAX = 60_000;

/** The lines that carry a signed private message, given without "!". */
export function privateLines(nick: string, signed: string): readonly string[] {
  const space = signed.indexOf(" ");
  const command = signed.slice(0, space);
  const rest = signed.slice(space + 1);
  const head = `PRIVMSG ${nick} :`;
  const length = LINE_LENGTH_MAX - head.length - command.length - OVERHEAD;
  const lines: string[] = [];
  for (let at = 0; at < rest.length; at += length) {
    const start = at === 0 ? `!${command} ` : "";
    const end = at + length < rest.length ? MORE : LAST;
    lines.push(`${head}${start}${rest.slice(at, at + length)}${end}`);
  }
  return lines;
}

const OFFER = /^(?:sw0|sw)?(?:rel|abs)offer /;

/** The lines that carry public commands, given without "!": offers share lines, everything else is alone and bare. */
export function publicLines(channel: string, commands: readonly string[]): readonly string[] {
  const head = `PRIVMSG ${channel} :`;
  const lines: string[] = [];
  let offers = "";
  const finish = () => {
    if (offers !== "") lines.push(`${head}${offers}${LAST}`);
    offers = "";
  };
  for (const command of commands) {
    const text = `!${command}`;
    if (OFFER.test(command)) {
      if (head.length + offers.length + text.length + TRAILER_LENGTH > LINE_LENGTH_MAX) finish();
      offers += text;
    } else {
      finish();
      lines.push(`${head}${text}`);
    }
  }
  finish();
  return lines.filter((line) => line.length <= LINE_LENGTH_MAX);
}

/** Puts the pieces of each sender together. */
export class Reassembly {
  readonly #clock: Clock;
  readonly #pieces = new Map<string, { text: string; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The whole message without "!", once its last piece is there. */
  add(sender: string, piece: string): string | undefined {
    const nowMs = this.#clock.monotonicMs();
    const begun = this.#pieces.get(sender);
    const before = begun !== undefined && nowMs - begun.atMs < PAUSE_MS_MAX ? begun.text : "";
    this.#pieces.delete(sender);
    const isLast = piece.endsWith("~");
    if (!isLast && !piece.endsWith(";")) return undefined;
    const text = before + piece.slice(0, -TRAILER_LENGTH);
    if (!text.startsWith("!") || text.length > MESSAGE_LENGTH_MAX) return undefined;
    if (isLast) return text.slice(1);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size < SENDERS_MAX) break;
      this.#pieces.delete(oldest);
    }
    this.#pieces.set(sender, { text, atMs: nowMs });
    return undefined;
  }

  forget(sender: string): void {
    this.#pieces.delete(sender);
  }
}
