/** The directory's instruments: figures of all bots together, never of one. */
import type { Meter } from "@opentelemetry/api";

export type Relayed = "public" | "private" | "peerlist";
/** Why a message was not passed on. */
export type Dropped = "malformed" | "spoofed" | "too fast" | "unknown addressee";
/** How the coming of a bot ended. */
export type Arrival =
  | "taken"
  | "malformed"
  | "network"
  | "nick owned"
  | "unproven"
  | "full"
  | "banned"
  | "late";

export interface DirectoryFigures {
  readonly bots: number;
  readonly serving: number;
  readonly proven: number;
  readonly banned: number;
}

/** The same figures for the operator's eyes, since the start. */
export interface DirectoryTally {
  readonly relayed: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  readonly arrivals: Readonly<Record<string, number>>;
  readonly evicted: Readonly<Record<string, number>>;
}

type Counted = { [kind in keyof DirectoryTally]: Record<string, number> };

export class DirectoryMetrics {
  readonly #tally: Counted = { relayed: {}, dropped: {}, arrivals: {}, evicted: {} };
  readonly #relayed;
  readonly #dropped;
  readonly #arrivals;
  readonly #evicted;

  constructor(meter: Meter, read: () => DirectoryFigures) {
    this.#relayed = meter.createCounter("troupe_directory_relayed_total", {
      description: "Messages that bots sent and the directory passed on, by kind.",
    });
    this.#dropped = meter.createCounter("troupe_directory_dropped_total", {
      description: "Messages that were not passed on, by why.",
    });
    this.#arrivals = meter.createCounter("troupe_directory_arrivals_total", {
      description: "Bots that came, by how they were received.",
    });
    this.#evicted = meter.createCounter("troupe_directory_evicted_total", {
      description: "Bots that were shown out, by why.",
    });
    meter
      .createObservableGauge("troupe_directory_bots", { description: "Bots inside." })
      .addCallback((result) => result.observe(read().bots));
    meter
      .createObservableGauge("troupe_directory_serving", {
        description: "Bots inside that others can connect to.",
      })
      .addCallback((result) => result.observe(read().serving));
    meter
      .createObservableGauge("troupe_directory_proven", { description: "Bots inside whose nick is proven." })
      .addCallback((result) => result.observe(read().proven));
    meter
      .createObservableGauge("troupe_directory_banned", { description: "Bans in force." })
      .addCallback((result) => result.observe(read().banned));
  }

  get tally(): DirectoryTally {
    return this.#tally;
  }

  relayed(kind: Relayed): void {
    this.#count("relayed", kind);
    this.#relayed.add(1, { kind });
  }

  dropped(why: Dropped): void {
    this.#count("dropped", why);
    this.#dropped.add(1, { why });
  }

  arrival(result: Arrival): void {
    this.#count("arrivals", result);
    this.#arrivals.add(1, { result });
  }

  evicted(why: "silent" | "banned" | "displaced" | "fault"): void {
    this.#count("evicted", why);
    this.#evicted.add(1, { why });
  }

  #count(kind: keyof Counted, key: string): void {
    this.#tally[kind][key] = (this.#tally[kind][key] ?? 0) + 1;
  }
}
