/** What has happened at this door since a wallet was opened, as lines for people: what JAM shows as its log. Never on a disk. */
import type { Clock } from "../../../../../runtime/clock.ts";
import { printableText } from "../../../../../runtime/log/printable.ts";

const LINES_MAX = 1_000;
const LINE_CHARS_MAX = 400;

export class Diary {
  readonly #clock: Clock;
  #lines: string[] = [];
  #wallet: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A wallet is opened. Who opens another one reads nothing of the one before. */
  begin(wallet: string): void {
    if (wallet !== this.#wallet) this.#lines = [];
    this.#wallet = wallet;
    this.note("the wallet was opened");
  }

  note(sentence: string): void {
    const time = new Date(this.#clock.now()).toISOString().replace("T", " ").slice(0, 19);
    this.#lines.push(`${time}  ${printableText(sentence, LINE_CHARS_MAX)}\n`);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  get text(): string {
    return this.#lines.join("");
  }
}
