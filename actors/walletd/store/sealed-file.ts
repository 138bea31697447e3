/** A wallet file: a head, the secrets, a snapshot, and then every change since, each sealed under keys of this file alone. */
import { type Disk, type DiskFile, writeDraft } from "./disk.ts";
import { type FileKeys, HEAD_BYTES, type KeyCost, type PasswordKey, readHead } from "./password-key.ts";
import { openBody, readRecord, sealRecord } from "./record.ts";
import { refusals } from "./refusals.ts";

/** The file's two fixed records. */
const SECRETS = 0;
const SNAPSHOT = 1;

export interface SealedPlace {
  readonly disk: Disk;
  readonly path: string;
  /** As people call it; for messages. */
  readonly wallet: string;
}

export interface OpenedFile {
  readonly file: SealedFile;
  readonly snapshot: Buffer;
  /** In the order in which they were written. */
  readonly changes: readonly Buffer[];
}

/** Makes or picks the key for a file whose head says this of it. */
export type KeyFinder = (
  head: { readonly cost: KeyCost; readonly salt: Buffer },
  fits: (candidate: PasswordKey) => boolean,
) => Promise<PasswordKey>;

/** A file that is on the disk and has no name yet. Its name after a rejection is the old file's or its own. */
export interface SealedDraft {
  publish(how: "create" | "replace"): Promise<SealedFile>;
}

/** One open wallet file. Its user writes one thing at a time and holds the wallet's lock. */
export class SealedFile {
  readonly #place: SealedPlace;
  #keys: FileKeys;
  #file: DiskFile;
  /** As it lies in the file: opened only while somebody needs a key. */
  #secrets: Buffer;
  #snapshotEnd: number;
  #end: number;
  #sequence: number;

  private constructor(
    place: SealedPlace,
    keys: FileKeys,
    file: DiskFile,
    parts: { secrets: Buffer; snapshotEnd: number; end: number; sequence: number },
  ) {
    this.#place = place;
    this.#keys = keys;
    this.#file = file;
    this.#secrets = parts.secrets;
    this.#snapshotEnd = parts.snapshotEnd;
    this.#end = parts.end;
    this.#sequence = parts.sequence;
  }

  static async draft(
    place: SealedPlace,
    key: PasswordKey,
    content: { readonly secrets: Uint8Array; readonly snapshot: Uint8Array },
  ): Promise<SealedDraft> {
    const keys = key.newFile();
    const { bytes, secrets } = wholeFile(keys, content);
    const draft = await writeDraft(place.disk, place.path, bytes);
    return {
      async publish(how) {
        const file = await draft.publish(how);
        const end = bytes.length;
        return new SealedFile(place, keys, file, { secrets, snapshotEnd: end, end, sequence: SNAPSHOT + 1 });
      },
    };
  }

  /** Reads and checks all of it. A write that was cut short is taken off; damage is refused and the file left alone. */
  static async open(
    place: SealedPlace,
    keyFor: KeyFinder,
  ): Promise<OpenedFile & { readonly key: PasswordKey }> {
    const { disk, path, wallet } = place;
    const bytes = await disk.read(path);
    if (bytes === undefined) throw refusals.missing(wallet);
    const head = Buffer.from(bytes.subarray(0, HEAD_BYTES));
    const key = await keyFor(readHead(bytes, wallet), (candidate) => candidate.keysOf(head) !== undefined);
    const keys = key.keysOf(head);
    if (keys === undefined) throw refusals.wrongPassword(wallet);
    const { secrets, bodies, snapshotEnd, end } = readAll(keys, bytes, wallet);
    const [snapshot, ...changes] = bodies as [Buffer, ...Buffer[]];
    const file = await disk.open(path);
    try {
      if (end < bytes.length) await file.truncate(end);
    } catch (error) {
      await file.close();
      throw error;
    }
    const sequence = SNAPSHOT + 1 + changes.length;
    return {
      key,
      file: new SealedFile(place, keys, file, { secrets, snapshotEnd, end, sequence }),
      snapshot,
      changes,
    };
  }

  /** How much has been added since the snapshot, and how large that is. */
  get lengths(): { readonly snapshotBytes: number; readonly changesBytes: number } {
    return { snapshotBytes: this.#snapshotEnd, changesBytes: this.#end - this.#snapshotEnd };
  }

  /** On the disk when it resolves. When it rejects some of it may be in the file: see `cutBack`. */
  async append(change: Uint8Array): Promise<void> {
    const record = sealRecord(this.#keys, { offset: this.#end, sequence: this.#sequence }, change);
    await this.#file.write(record, this.#end);
    this.#end += record.length;
    this.#sequence++;
  }

  /** Takes back what a failed write may have left. */
  async cutBack(): Promise<void> {
    await this.#file.truncate(this.#end);
  }

  /** The same secrets and a new snapshot, for a new file under new keys in place of this one. */
  async redraft(key: PasswordKey, snapshot: Uint8Array): Promise<SealedDraft> {
    const secrets = this.openSecrets();
    try {
      return await SealedFile.draft(this.#place, key, { secrets, snapshot });
    } finally {
      secrets.fill(0);
    }
  }

  /** The caller wipes them. */
  openSecrets(): Buffer {
    const body = openBody(this.#keys, { offset: HEAD_BYTES, sequence: SECRETS }, this.#secrets);
    if (body === undefined) throw refusals.corrupt(this.#place.wallet, "its keys in memory");
    return body;
  }

  async close(): Promise<void> {
    this.#keys.wipe();
    await this.#file.close();
  }
}

function wholeFile(
  keys: FileKeys,
  content: { readonly secrets: Uint8Array; readonly snapshot: Uint8Array },
): { bytes: Buffer; secrets: Buffer } {
  const secrets = sealRecord(keys, { offset: HEAD_BYTES, sequence: SECRETS }, content.secrets);
  const offset = HEAD_BYTES + secrets.length;
  const snapshot = sealRecord(keys, { offset, sequence: SNAPSHOT }, content.snapshot);
  return { bytes: Buffer.concat([keys.head, secrets, snapshot]), secrets };
}

interface AllRecords {
  readonly secrets: Buffer;
  readonly bodies: readonly Buffer[];
  readonly snapshotEnd: number;
  readonly end: number;
}

function readAll(keys: FileKeys, bytes: Buffer, wallet: string): AllRecords {
  let end = HEAD_BYTES;
  let snapshotEnd = 0;
  let secrets: Buffer | undefined;
  const bodies: Buffer[] = [];
  for (let sequence = SECRETS; ; sequence++) {
    const read = readRecord(keys, bytes, { offset: end, sequence });
    // The first two were written before the file had its name: they are never cut short by a crash.
    if (read.found !== "record" && sequence <= SNAPSHOT) {
      throw read.found === "damage" ? refusals.corrupt(wallet, "its first part") : refusals.truncated(wallet);
    }
    if (read.found === "damage") throw refusals.corrupt(wallet, `record ${sequence}, byte ${end}`);
    if (read.found !== "record") break;
    if (sequence === SECRETS) {
      secrets = Buffer.from(bytes.subarray(end, read.end));
      read.body.fill(0);
    } else bodies.push(read.body);
    end = read.end;
    if (sequence === SNAPSHOT) snapshotEnd = end;
  }
  return { secrets: secrets as Buffer, bodies, snapshotEnd, end };
}
