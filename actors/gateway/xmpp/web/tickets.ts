/** What lets a program or a browser in: keys of an hour that act for a person, links that give one file once, and codes to pay by for a day. In memory only. */
import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../../../runtime/clock.ts";
import type { FileText, Web } from "../commands/command.ts";
import { RecentMap } from "../guard/recent-map.ts";

const KEY_MS = 3_600_000;
const FILE_MS = 600_000;
const KEYS_MAX = 10_000;
const PICTURE_MS = 86_400_000;
const FILES_MAX = 100;
/** Or one person's exports would take the place of everybody else's. */
const FILES_OF_ONE_MAX = 3;
const PICTURES_MAX = 1_000;
const SECRET_BYTES = 32;
const MINUTE_MS = 60_000;

interface Key {
  readonly jid: string;
  readonly untilMs: number;
}

interface Shown {
  readonly png: Uint8Array;
  readonly untilMs: number;
}

interface Offered {
  readonly file: FileText;
  readonly untilMs: number;
}

export class Tickets implements Web {
  readonly #clock: Clock;
  /** By the key's hash: a comparison that takes longer for a better guess tells nothing. */
  readonly #keys = new RecentMap<string, Key>(KEYS_MAX);
  readonly #keyOf = new RecentMap<string, string>(KEYS_MAX);
  readonly #files = new RecentMap<string, Offered>(FILES_MAX);
  /** Those of each person, the newest last. */
  readonly #filesOf = new RecentMap<string, readonly string[]>(FILES_MAX);
  readonly #pictures = new RecentMap<string, Shown>(PICTURES_MAX);
  /** Whether others than this machine find it. */
  readonly #isOutside: boolean;
  #url: string;

  constructor(clock: Clock, url: string) {
    this.#clock = clock;
    this.#isOutside = url !== "";
    this.#url = url.replace(/\/+$/, "");
  }

  /** Where it is found, if the configuration has not said so. */
  foundAt(url: string): void {
    if (this.#url === "") this.#url = url;
  }

  letIn(jid: string): { readonly url: string; readonly token: string; readonly minutes: number } {
    const before = this.#keyOf.get(jid);
    if (before !== undefined) this.#keys.delete(before);
    const token = randomBytes(SECRET_BYTES).toString("base64url");
    const digest = digestOf(token);
    this.#keys.set(digest, { jid, untilMs: this.#clock.monotonicMs() + KEY_MS });
    this.#keyOf.set(jid, digest);
    return { url: `${this.#url}/v1/commands`, token, minutes: KEY_MS / MINUTE_MS };
  }

  /** Who acts with this key. */
  whose(token: string): string | undefined {
    const key = this.#keys.get(digestOf(token));
    return key !== undefined && this.#clock.monotonicMs() < key.untilMs ? key.jid : undefined;
  }

  offer(jid: string, file: FileText): string {
    const word = randomBytes(SECRET_BYTES).toString("base64url");
    const digest = digestOf(word);
    const own = [...(this.#filesOf.get(jid) ?? []), digest];
    for (const oldest of own.splice(0, own.length - FILES_OF_ONE_MAX)) this.#files.delete(oldest);
    this.#filesOf.set(jid, own);
    this.#files.set(digest, { file, untilMs: this.#clock.monotonicMs() + FILE_MS });
    return `${this.#url}/v1/files/${word}`;
  }

  /** Where clients of people can look at it for a day; undefined where only this machine can. */
  show(png: Uint8Array): string | undefined {
    if (!this.#isOutside) return undefined;
    const word = randomBytes(SECRET_BYTES).toString("base64url");
    this.#pictures.set(digestOf(word), { png, untilMs: this.#clock.monotonicMs() + PICTURE_MS });
    return `${this.#url}/v1/pictures/${word}.png`;
  }

  /** As often as somebody looks: a person has several clients. */
  picture(word: string): Uint8Array | undefined {
    const shown = this.#pictures.get(digestOf(word));
    return shown !== undefined && this.#clock.monotonicMs() < shown.untilMs ? shown.png : undefined;
  }

  /** Once. */
  take(word: string): FileText | undefined {
    const digest = digestOf(word);
    const offered = this.#files.get(digest);
    this.#files.delete(digest);
    return offered !== undefined && this.#clock.monotonicMs() < offered.untilMs ? offered.file : undefined;
  }
}

function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64");
}
