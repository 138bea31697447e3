/** What was measured, line by line, how the first server compares with the others, and all of it as a table. */
import type { Figures, Shape } from "./load.ts";
import { METHODS } from "./methods.ts";

type FigureSet = Readonly<Record<string, number | undefined>>;

interface Ratio {
  readonly perSecond: number;
  readonly perCpuSecond: number | undefined;
}

const CPU_ALSO = "per CPU second";
const LONE: Shape = { connections: 1, outstanding: 1 };
const NO_MESSAGE = "ping";
const ONE_MESSAGE = "id_from_pos";
const METHOD_NAMES = Object.keys(METHODS);

export class Report {
  readonly #print: (line: string) => void;
  readonly #rates = new Map<string, Map<string, Figures>>();
  readonly #singles = new Map<string, Map<string, FigureSet>>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  rate(row: string, shape: Shape, server: string, figures: Figures): void {
    put(this.#rates, nameOf(row, shape), server, figures);
    this.#say({ row, ...shape, server, ...figures });
  }

  single(row: string, server: string, figures: FigureSet, load: number): void {
    put(this.#singles, row, server, figures);
    this.#say({ row, server, ...figures, load });
  }

  compareRate(row: string, shape: Shape): void {
    const ratios = this.#ratesOf(nameOf(row, shape));
    if (ratios.length > 0) this.#say({ row, ...shape, times: Object.fromEntries(ratios) });
  }

  compareSingle(row: string): void {
    const ratios = this.#singlesOf(row);
    if (ratios.length > 0) this.#say({ row, times: Object.fromEntries(ratios) });
  }

  /**
   * At most what share of our processor time went into carrying questions over the bus. A message costs what a lone
   * request of one message, which the index answers by position, costs more than one of none: what the index does for it
   * is in it, and threads that are woken for it alone. Nothing unless both were measured by one client with one request.
   */
  hop(shapes: readonly Shape[]): void {
    const lone = (row: string) => this.#first(row, LONE)?.requestsPerCpuSecond;
    const messages = this.#first(ONE_MESSAGE, LONE)?.messagesPerRequest;
    const [without, within] = [lone(NO_MESSAGE), lone(ONE_MESSAGE)];
    if (without === undefined || within === undefined || !messages) return;
    const messageCpuSeconds = (1 / within - 1 / without) / messages;
    const messageCpuMicroseconds = Math.round(messageCpuSeconds * 1e7) / 10;
    for (const shape of shapes) {
      const shares: Record<string, number> = {};
      for (const row of METHOD_NAMES) {
        const { messagesPerRequest, requestsPerCpuSecond } = this.#first(row, shape) ?? {};
        if (!messagesPerRequest || !requestsPerCpuSecond) continue;
        const share = messageCpuSeconds * messagesPerRequest * requestsPerCpuSecond;
        shares[row] = Math.round(1_000 * share) / 1_000;
      }
      this.#say({ row: "hop", ...shape, messageCpuMicroseconds, shares });
    }
  }

  /** For people, and for Markdown. */
  table(): string {
    const lines: string[] = [];
    const servers = [...new Set([...this.#rates.values()].flatMap((of) => [...of.keys()]))];
    const [, ...others] = servers;
    const heads = [
      "row",
      "connections x requests",
      ...servers.map((name) => `${name}: a second (p50, p99 ms)`),
      ...others.map((name) => `times ${name} (${CPU_ALSO})`),
    ];
    lines.push(rowOf(heads), rowOf(heads.map(() => "---")));
    for (const [name, figures] of this.#rates) {
      const ratios = new Map(this.#ratesOf(name));
      lines.push(
        rowOf([
          ...name.split(" "),
          ...servers.map((server) => rateText(figures.get(server))),
          ...others.map((other) => ratioText(ratios.get(other))),
        ]),
      );
    }
    for (const [row, figures] of this.#singles) {
      const ratios = new Map(this.#singlesOf(row));
      lines.push(
        rowOf([
          row,
          "once",
          ...servers.map((server) => JSON.stringify(figures.get(server) ?? {}).replaceAll('"', "")),
          ...others.map((other) => String(ratios.get(other) ?? "")),
        ]),
      );
    }
    return lines.join("\n");
  }

  #first(row: string, shape: Shape): Figures | undefined {
    const [first] = this.#rates.get(nameOf(row, shape))?.values() ?? [];
    return first;
  }

  #ratesOf(name: string): [string, Ratio][] {
    const [first, ...others] = [...(this.#rates.get(name) ?? [])];
    if (first === undefined) return [];
    const [, ours] = first;
    return others.map(([server, figures]) => [
      server,
      {
        perSecond: times(ours.requestsPerSecond, figures.requestsPerSecond),
        perCpuSecond:
          ours.requestsPerCpuSecond === undefined || figures.requestsPerCpuSecond === undefined
            ? undefined
            : times(ours.requestsPerCpuSecond, figures.requestsPerCpuSecond),
      },
    ]);
  }

  /** How many times less than the others the first needs. */
  #singlesOf(row: string): [string, number][] {
    const [first, ...others] = [...(this.#singles.get(row) ?? [])];
    if (first === undefined) return [];
    const main = (figures: FigureSet) => Object.values(figures)[0] ?? Number.NaN;
    return others.map(([server, figures]) => [server, times(main(figures), main(first[1]))]);
  }

  #say(figure: object): void {
    this.#print(JSON.stringify({ bench: "electrum", ...figure }));
  }
}

function put<T>(into: Map<string, Map<string, T>>, name: string, server: string, figures: T): void {
  const of = into.get(name) ?? new Map<string, T>();
  into.set(name, of.set(server, figures));
}

function nameOf(row: string, { connections, outstanding }: Shape): string {
  return `${row} ${connections}x${outstanding}`;
}

function times(ours: number, theirs: number): number {
  return Math.round((100 * ours) / theirs) / 100;
}

function rateText(figures: Figures | undefined): string {
  if (figures === undefined) return "";
  const { requestsPerSecond, p50Ms, p99Ms, errors } = figures;
  const refused = errors > 0 ? `, ${errors} refused` : "";
  return `${requestsPerSecond} (${p50Ms}, ${p99Ms}${refused})`;
}

function ratioText(ratio: Ratio | undefined): string {
  return ratio === undefined ? "" : `${ratio.perSecond} (${ratio.perCpuSecond ?? "?"})`;
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
