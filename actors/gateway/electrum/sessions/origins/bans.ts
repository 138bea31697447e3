/** Addresses and networks that the operator has banned: kept in a file, so that they stay banned over restarts. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Clock } from "../../../../../runtime/clock.ts";
import { TroupeError } from "../../../../../runtime/errors.ts";
import { writeWhole } from "../../../../../runtime/whole-file.ts";
import { NetworkList, networkOf, networkText, parseNetwork } from "./address-group.ts";

const BANS_MAX = 10_000;

const BanSchema = z.object({
  network: z
    .string()
    .max(64)
    .transform((text) => networkText(networkOf(text))),
  /** Milliseconds since the epoch; null: for good. */
  untilMs: z.number().nullable(),
});
const FileSchema = z.object({ bans: z.array(BanSchema).max(BANS_MAX) });

type Ban = z.output<typeof BanSchema>;

export class Bans {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #bans: Map<string, Ban>;
  #list: NetworkList;

  /** A file that cannot be understood throws `GATEWAY_BANS_UNREADABLE`: to go on without would let the banned in. */
  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#bans = new Map(read(path).map((ban) => [ban.network, ban]));
    this.#list = this.#listed();
  }

  has(remoteAddress: string | undefined): boolean {
    return this.#list.has(remoteAddress);
  }

  get all(): readonly Ban[] {
    return [...this.#bans.values()];
  }

  /** Throws `GATEWAY_BAD_NETWORK`, or `GATEWAY_BANS_FULL`. */
  ban(text: string, minutes: number | undefined): Ban {
    const network = networkText(networkOf(text));
    if (!this.#bans.has(network) && this.#bans.size >= BANS_MAX) {
      throw new TroupeError(
        { code: "GATEWAY_BANS_FULL", max: BANS_MAX },
        `${BANS_MAX} addresses and networks are banned, and that is all the list holds. Unban some, or ban a network that holds several.`,
      );
    }
    const untilMs = minutes === undefined ? null : this.#clock.now() + minutes * 60_000;
    const ban: Ban = { network, untilMs };
    this.#bans.set(network, ban);
    this.#write();
    return ban;
  }

  /** False when it was not banned. */
  unban(text: string): boolean {
    const wasBanned = this.#bans.delete(networkText(networkOf(text)));
    if (wasBanned) this.#write();
    return wasBanned;
  }

  /** Lets go those whose time is over. */
  sweep(): void {
    const nowMs = this.#clock.now();
    const over = this.all.filter(({ untilMs }) => untilMs !== null && untilMs <= nowMs);
    if (over.length === 0) return;
    for (const { network } of over) this.#bans.delete(network);
    this.#write();
  }

  #write(): void {
    this.#list = this.#listed();
    writeWhole(this.#path, `${JSON.stringify({ bans: this.all }, undefined, 2)}\n`);
  }

  #listed(): NetworkList {
    return new NetworkList(
      this.all.map(({ network }) => parseNetwork(network)).filter((each) => each !== undefined),
    );
  }
}

function read(path: string): Ban[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unreadable(path, error);
  }
  try {
    return FileSchema.parse(JSON.parse(text)).bans;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): TroupeError {
  return new TroupeError(
    { code: "GATEWAY_BANS_UNREADABLE", path },
    `The list of banned addresses ${path} cannot be read. Mend it, or delete it to begin with an empty one.`,
    { cause },
  );
}
