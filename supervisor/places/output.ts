/** What a child writes to stdout and stderr: cut into lines, bounded, forwarded to the log, the last words kept for the exit report. */
import type { Readable } from "node:stream";
import type { LoggedLine } from "../../bus/child/controlled.ts";
import type { Clock } from "../../runtime/clock.ts";
import { TokenBucket } from "../../runtime/limits.ts";

const LINE_CHARS_MAX = 500;
const LINES_BURST = 50;
const LINES_PER_SECOND = 5;
const LAST_LINES = 40;

/** Lines by which Node says why it ends. */
const LAST_WORDS = /FATAL ERROR|^[A-Za-z]*Error\b|^Uncaught\b|^node: bad option|setpriv:/;

export class OutputTap {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #logged: (line: LoggedLine) => void;
  readonly #last: string[] = [];
  #dropped = 0;

  constructor(clock: Clock, logged: (line: LoggedLine) => void) {
    this.#clock = clock;
    this.#logged = logged;
    this.#bucket = new TokenBucket({ clock, burst: LINES_BURST, perSecond: LINES_PER_SECOND });
  }

  /** Reads the stream to its end; it never stalls the writer. */
  read(stream: Readable | null, level: "info" | "warn"): void {
    if (stream === null) return;
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = (lines.pop() ?? "").slice(0, LINE_CHARS_MAX);
      for (const line of lines) this.#line(line, level);
    });
    stream.on("end", () => {
      if (rest !== "") this.#line(rest, level);
    });
    // A pipe that breaks ends with its writer, whose exit tells the story.
    stream.on("error", () => {});
  }

  /** The line by which it said why it ends, where there is one. */
  get lastWords(): string | undefined {
    return this.#last.findLast((line) => LAST_WORDS.test(line));
  }

  #line(text: string, level: "info" | "warn"): void {
    const line = text.trimEnd().slice(0, LINE_CHARS_MAX);
    if (line === "") return;
    this.#last.push(line);
    if (this.#last.length > LAST_LINES) this.#last.shift();
    if (!this.#bucket.take()) {
      this.#dropped++;
      return;
    }
    const left = this.#dropped === 0 ? "" : ` (${this.#dropped} lines before this one were left out)`;
    this.#dropped = 0;
    this.#logged({ level, message: `${line}${left}`, at: new Date(this.#clock.now()).toISOString() });
  }
}
