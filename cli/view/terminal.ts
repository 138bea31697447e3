/** What the terminal can do, and text that fits it: colours, widths, durations, sizes. Nothing that others wrote reaches it raw. */
import { styleText } from "node:util";

export type Ink = "good" | "busy" | "warn" | "bad" | "dim" | "strong" | "plain";

const FORMATS: Readonly<Record<Exclude<Ink, "plain">, Parameters<typeof styleText>[0]>> = Object.freeze({
  good: "green",
  busy: "cyan",
  warn: "yellow",
  bad: "red",
  dim: "gray",
  strong: "bold",
});

/** Colours text, or leaves it alone where there is no terminal or the person wants none. */
export type Paint = (ink: Ink, text: string) => string;

export const plainPaint: Paint = (_ink, text) => text;
/** Whether to paint is decided here, by `paintFor`, and not a second time by Node. */
const colourPaint: Paint = (ink, text) =>
  ink === "plain" ? text : styleText(FORMATS[ink], text, { validateStream: false });

/** `NO_COLOR` (any value) and `TERM=dumb` are honoured; `FORCE_COLOR` paints into pipes too. */
export function paintFor(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  if (environment["NO_COLOR"]) return plainPaint;
  if (environment["FORCE_COLOR"] && environment["FORCE_COLOR"] !== "0") return colourPaint;
  return stream.isTTY && environment["TERM"] !== "dumb" ? colourPaint : plainPaint;
}

/** Writes out control, invisible and direction-changing characters: a log line or a peer must not drive the terminal. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return " ";
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

/** Cut to `width` characters with an ellipsis, or filled up with spaces. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const cut = clip(text, width);
  const space = " ".repeat(Math.max(0, width - [...cut].length));
  return align === "left" ? cut + space : space + cut;
}

export function clip(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  return width <= 0 ? "" : `${characters.slice(0, width - 1).join("")}…`;
}

/** Breaks text at spaces into lines no longer than `width`; a longer word stays whole on its own line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(line);
  return lines;
}

/** `850 ms`, `12 s`, `3m 05s`, `2h 07m`, `4d 03h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    `${big}${bigUnit} ${String(small).padStart(2, "0")}${smallUnit}`;
  if (seconds < 3_600) return pair(Math.floor(seconds / 60), "m", seconds % 60, "s");
  if (seconds < 86_400)
    return pair(Math.floor(seconds / 3_600), "h", Math.floor((seconds % 3_600) / 60), "m");
  return pair(Math.floor(seconds / 86_400), "d", Math.floor((seconds % 86_400) / 3_600), "h");
}

/** Time a step took: `0.42 s`, `12.3 s`. */
export function stepTime(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(2)} s` : `${(ms / 1_000).toFixed(1)} s`;
}

/** `640 kB`, `18 MB`, `1.4 GB`. */
export function size(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  if (bytes < 1_000_000_000) return `${Math.round(bytes / 1_000_000)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
}
