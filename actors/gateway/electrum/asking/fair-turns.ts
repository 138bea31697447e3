/** Work that takes long, so much of it at a time: who asks for much has his turn as often as who asks for little. */
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { Session } from "../session.ts";
import { groupOf, VIA_TOR } from "../sessions/origins/address-group.ts";

/** For whom something is asked; nobody in particular when we ask for all. */
export type Asker = Pick<Session, "address" | "isViaTor"> | undefined;

export interface FairTurnsOptions {
  readonly atOnce: number;
  readonly waitingMax: number;
  /** Of one machine; all who come through Tor are as one. */
  readonly waitingPerAskerMax: number;
}

interface Waiting {
  readonly name: string;
  readonly round: number;
  begin(): void;
}

/** What waits of one asker, and in which round the last of it has its turn. */
interface Line {
  count: number;
  round: number;
}

/** What many clients will be told. */
const OURS = "";

export class FairTurns {
  readonly #options: FairTurnsOptions;
  /** By round, and within one by the time of coming. */
  readonly #waiting: Waiting[] = [];
  readonly #lines = new Map<string, Line>();
  /** The one that is being worked on: who comes now is in the next. */
  #round = 0;
  #running = 0;

  constructor(options: FairTurnsOptions) {
    this.#options = options;
  }

  /** Throws the `ProtocolError` to pass on when too much waits. */
  async take<A>(asker: Asker, work: () => Promise<A>): Promise<A> {
    if (this.#running >= this.#options.atOnce) await this.#turnOf(nameOf(asker));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      this.#passOn();
    }
  }

  #turnOf(name: string): Promise<void> {
    const { waitingMax, waitingPerAskerMax } = this.#options;
    const line = this.#lines.get(name) ?? { count: 0, round: 0 };
    const isTooMany = name !== OURS && line.count >= waitingPerAskerMax;
    if (isTooMany || this.#waiting.length >= waitingMax) throw busy();
    line.count += 1;
    line.round = Math.max(line.round, this.#round) + 1;
    this.#lines.set(name, line);
    return new Promise((resolve) => {
      const before = this.#waiting.findLastIndex(({ round }) => round <= line.round);
      this.#waiting.splice(before + 1, 0, { name, round: line.round, begin: resolve });
    });
  }

  /** The place of who is ready goes to the next, if there is one. */
  #passOn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#round = next.round;
    const line = this.#lines.get(next.name);
    if (line !== undefined) line.count -= 1;
    if (line?.count === 0) this.#lines.delete(next.name);
    next.begin();
  }
}

function nameOf(asker: Asker): string {
  if (asker === undefined) return OURS;
  return (asker.isViaTor ? VIA_TOR : groupOf(asker.address)).host;
}

export function busy(): ProtocolError {
  return new ProtocolError(PROTOCOL_CODES.timeout, "server busy - too many requests wait for the index");
}
