/** The instruments of all rooms, read from the calls that make them: name, kind, unit and sentence stand there as literals. */
import type { Source } from "./sources.ts";

export interface Instrument {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly unit: string;
  readonly description: string;
  readonly path: string;
}

const ANY_CALL = /\.create(?:Observable)?(?:UpDown)?(?:Counter|Gauge|Histogram)\(/g;
const CALL =
  /\.create(Observable)?(UpDown)?(Counter|Gauge|Histogram)\(\s*"([^"]+)",\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}/g;
const DESCRIPTION = /description:\s*"((?:[^"\\]|\\.)*)"/;
const UNIT = /unit:\s*"([^"]*)"/;

/** A row of a table of families, for those who write the exposition themselves as the supervisor does. */
const ROW = /name:\s*"(troupe_[a-z0-9_]+)",\s*help:\s*"((?:[^"\\]|\\.)*)",\s*type:\s*"(gauge|counter)"/g;

/** The same as a tuple; a counter's name says that it is one. */
const TUPLE = /\["(troupe_[a-z0-9_]+)",\s*"((?:[^"\\]|\\.)*)",/g;

/** Throws when an instrument's name or sentence is not a literal: nobody could look it up then. */
export function readInstruments(sources: readonly Source[]): Instrument[] {
  const found: Instrument[] = [];
  for (const { path, text } of sources) {
    const calls = [...text.matchAll(CALL)];
    const made = [...text.matchAll(ANY_CALL)].length;
    if (calls.length !== made) {
      throw new Error(
        `${path}: ${made - calls.length} instrument(s) without a literal name and { description }`,
      );
    }
    for (const [, , upDown, method, name = "", options = ""] of calls) {
      const description = DESCRIPTION.exec(options)?.[1];
      if (description === undefined) throw new Error(`${path}: ${name} has no description`);
      const kind = method === "Histogram" ? "histogram" : method === "Gauge" || upDown ? "gauge" : "counter";
      found.push({ name, kind, unit: UNIT.exec(options)?.[1] ?? "", description, path });
    }
    for (const [, name = "", description = "", type = ""] of text.matchAll(ROW)) {
      found.push({ name, kind: type === "gauge" ? "gauge" : "counter", unit: "", description, path });
    }
    for (const [, name = "", description = ""] of text.matchAll(TUPLE)) {
      found.push({ name, kind: name.endsWith("_total") ? "counter" : "gauge", unit: "", description, path });
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function metricsPage(sources: readonly Source[]): string {
  const rows = readInstruments(sources).map(
    ({ name, kind, unit, description, path }) =>
      `| \`${name}\` | ${kind} | ${unit} | ${description.replaceAll("|", "\\|")} | \`${path}\` |`,
  );
  return [
    "# Metrics",
    "",
    "The gateway serves them in Prometheus text at `/metrics`: those of every actor of every host on the bus, each sample with",
    "the labels `actor` and `host`. No actor opens a port of its own for them, and nothing is sent anywhere.",
    "",
    "| name | kind | unit | meaning | made in |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
