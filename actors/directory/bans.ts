/** Who is not let in: for a while, bots that would not stop; for as long as they say, those that the operator has named. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { z } from "zod";
import type { DirectoryBan } from "../../bus/contracts/directory.ts";
import { isNick } from "../../joinmarket/nick/nick.ts";
import type { Clock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { writeWhole } from "../../runtime/whole-file.ts";

/** The oldest go first: a table that strangers fill must not grow. */
const BANS_MAX = 100_000;
/** Those that the operator has named stay; so many a person names. */
const ORDERED_MAX = 1_000;
const ONION = /^[a-z2-7]{56}\.onion(?::\d{1,5})?$/;

const KeptSchema = z
  .array(z.object({ name: z.string().max(100), untilMs: z.number().nullable() }))
  .max(ORDERED_MAX);

export interface BansOptions {
  readonly clock: Clock;
  /** How long the directory's own last. */
  readonly durationMs: number;
  /** Where the operator's are kept over restarts; without it nowhere. */
  readonly keptPath?: string;
}

export class Bans {
  readonly #options: BansOptions;
  /** Own ones, by name, on the monotonic clock. */
  readonly #untilMs = new Map<string, number>();
  /** The operator's, by name, since the epoch; null lasts for good. */
  readonly #ordered: Map<string, number | null>;

  constructor(options: BansOptions) {
    this.#options = options;
    this.#ordered = new Map(readKept(options.keptPath).map(({ name, untilMs }) => [name, untilMs]));
  }

  get size(): number {
    this.#forgetOld();
    return this.#untilMs.size + this.#ordered.size;
  }

  /** The directory's own, for its usual time. */
  add(names: readonly string[]): void {
    const { clock, durationMs } = this.#options;
    for (const name of names) {
      this.#untilMs.delete(name);
      this.#untilMs.set(name, clock.monotonicMs() + durationMs);
    }
    this.#forgetOld();
  }

  /** The operator's, for good unless `minutes` are given. */
  order(name: string, minutes: number | undefined): DirectoryBan {
    this.#forgetOld();
    if (this.#ordered.size >= ORDERED_MAX && !this.#ordered.has(name)) {
      throw new TroupeError(
        { code: "DIRECTORY_BANS_FULL", max: ORDERED_MAX },
        `There are ${ORDERED_MAX} bans by order already: lift one first.`,
      );
    }
    const untilMs = minutes === undefined ? null : this.#options.clock.now() + minutes * 60_000;
    this.#ordered.set(name, untilMs);
    this.#keep();
    return { name, untilMs, isOrdered: true };
  }

  /** Whoever it was that banned it. */
  lift(name: string): boolean {
    const wasBanned = this.has(name);
    this.#untilMs.delete(name);
    if (this.#ordered.delete(name)) this.#keep();
    return wasBanned;
  }

  has(name: string): boolean {
    const { clock } = this.#options;
    const ownUntilMs = this.#untilMs.get(name);
    if (ownUntilMs !== undefined && ownUntilMs > clock.monotonicMs()) return true;
    const untilMs = this.#ordered.get(name);
    return untilMs === null || (untilMs !== undefined && untilMs > clock.now());
  }

  /** The operator's first, then the directory's own, the newest first. */
  all(limit: number): DirectoryBan[] {
    this.#forgetOld();
    const { clock } = this.#options;
    const aheadMs = clock.now() - clock.monotonicMs();
    const ordered = [...this.#ordered].map(([name, untilMs]) => ({ name, untilMs, isOrdered: true }));
    const own = [...this.#untilMs].map(([name, untilMs]) => ({
      name,
      untilMs: Math.round(untilMs + aheadMs),
      isOrdered: false,
    }));
    return [...ordered, ...own.reverse()].slice(0, limit);
  }

  /** All own ones last equally long, so that the first to end stand first. */
  #forgetOld(): void {
    const { clock } = this.#options;
    for (const [name, untilMs] of this.#untilMs) {
      if (this.#untilMs.size <= BANS_MAX && untilMs > clock.monotonicMs()) break;
      this.#untilMs.delete(name);
    }
    for (const [name, untilMs] of this.#ordered) {
      if (untilMs !== null && untilMs <= clock.now()) this.#ordered.delete(name);
    }
  }

  #keep(): void {
    const { keptPath } = this.#options;
    if (keptPath === undefined) return;
    writeWhole(keptPath, JSON.stringify([...this.#ordered].map(([name, untilMs]) => ({ name, untilMs }))));
  }
}

/** The one way to write a name that is banned: as nicks are, onion services and addresses in their shortest form. */
export function banName(given: string): string {
  const text = given.trim();
  if (isNick(text)) return text;
  const lower = text.toLowerCase();
  if (ONION.test(lower)) return lower;
  const address = plainAddress(lower);
  if (isIP(address) !== 0) return address;
  throw new TroupeError(
    { code: "DIRECTORY_BAD_NAME", given: text.slice(0, 100) },
    `"${text.slice(0, 100)}" is neither a nick, nor an onion service, nor an address.`,
  );
}

/** All names by which a bot may be banned. */
export function namesOf(bot: {
  nick: string;
  location: string | undefined;
  remoteAddress: string;
}): string[] {
  const { nick, location, remoteAddress } = bot;
  const place = location?.toLowerCase();
  // An onion service is one at every port; an address is named by whoever connects from it.
  const service = place === undefined ? undefined : /^[a-z2-7]{56}\.onion(?=:)/.exec(place)?.[0];
  return [nick, plainAddress(remoteAddress), place, service].filter((name) => name !== undefined);
}

/** An IPv4 address is one, also where the system shows it as a part of IPv6. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}

function readKept(path: string | undefined): z.output<typeof KeptSchema> {
  if (path === undefined) return [];
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw damaged(path, error);
  }
  try {
    return KeptSchema.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(path, error);
  }
}

/** Going on without them would let in whom somebody wanted out. */
function damaged(path: string, cause: unknown): TroupeError {
  return new TroupeError(
    { code: "DIRECTORY_BANS_UNREADABLE", path },
    `The directory's bans cannot be read from ${path}.`,
    { cause },
  );
}
