/** One open wallet on the disk: its memory, every change of which is in the file before whoever asked for it hears of it. */
import { z } from "zod";
import { TroupeError } from "../../../runtime/errors.ts";
import type { Lock } from "./lock.ts";
import type { KeyCost, PasswordKey, PasswordKeys } from "./password-key.ts";
import { refusals } from "./refusals.ts";
import { type OpenedFile, type SealedDraft, SealedFile, type SealedPlace } from "./sealed-file.ts";
import { applyChange, type WalletChange, WalletChangeSchema } from "./wallet-change.ts";
import { decodeSecrets, encodeSecrets, type WalletSecrets } from "./wallet-secrets.ts";
import { type WalletState, WalletStateSchema } from "./wallet-state.ts";

/** Changes that may wait for the disk; beyond it something is broken or hostile. */
const WAITING_MAX = 50_000;
/** The changes may grow to this, or to the snapshot's size, before a new snapshot is made. */
const CHANGES_BYTES_MIN = 256 * 1024;

const BatchSchema = z.array(WalletChangeSchema);

/** What a decision comes to: the changes to keep, and what its maker is told once they are kept. */
export interface Decision<T> {
  readonly changes: readonly WalletChange[];
  readonly result: T;
}

export interface StorePlace extends SealedPlace {
  /** The cost of a password's key in files that are written. */
  readonly cost: KeyCost;
  /** Hears of what went wrong without anybody having asked for it. */
  readonly report: (error: TroupeError) => void;
  readonly keys: PasswordKeys;
}

export class WalletStore {
  readonly #place: StorePlace;
  readonly #lock: Lock;
  #key: PasswordKey;
  #file: SealedFile;
  #state: WalletState;
  /** Changes that are made in memory and wait for their turn at the disk, and those whose turn it is. */
  #gathering: Batch | undefined;
  #inFlight: Batch | undefined;
  /** Everything that is done to the file, one after the other. Never rejects. */
  #turns: Promise<void> = Promise.resolve();
  /** Set while the memory is read from the file again, after a write that failed. */
  #mending: Promise<void> | undefined;
  /** Why nothing can be changed any more. */
  #ended: TroupeError | undefined;
  #isClosed = false;
  #foldAtBytes = CHANGES_BYTES_MIN;

  private constructor(place: StorePlace, lock: Lock, key: PasswordKey, opened: OpenedFile) {
    this.#place = place;
    this.#lock = lock;
    this.#key = key;
    this.#file = opened.file;
    this.#state = readState(place.wallet, opened);
  }

  /** Makes the file, or puts it in place of another program's. The lock is the store's from here on. */
  static async create(
    place: StorePlace,
    lock: Lock,
    password: string,
    content: { readonly state: WalletState; readonly secrets: WalletSecrets },
    how: "create" | "replace" = "create",
  ): Promise<WalletStore> {
    const key = await place.keys.derive(password, place.cost);
    const secrets = encodeSecrets(content.secrets);
    try {
      const snapshot = Buffer.from(JSON.stringify(WalletStateSchema.parse(content.state)));
      const draft = await SealedFile.draft(place, key, { secrets, snapshot });
      const file = await draft.publish(how);
      return new WalletStore(place, lock, key, { file, snapshot, changes: [] });
    } catch (error) {
      key.wipe();
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw refusals.exists(place.wallet);
      throw refusals.disk(place.wallet, error);
    } finally {
      secrets.fill(0);
    }
  }

  static async open(place: StorePlace, lock: Lock, password: string): Promise<WalletStore> {
    let key: PasswordKey | undefined;
    let opened: OpenedFile | undefined;
    try {
      opened = await SealedFile.open(place, async ({ cost, salt }) => {
        key = await place.keys.derive(password, cost, salt);
        return key;
      });
      return new WalletStore(place, lock, key as PasswordKey, opened);
    } catch (error) {
      await opened?.file.close();
      key?.wipe();
      throw refusals.disk(place.wallet, error);
    }
  }

  get wallet(): string {
    return this.#place.wallet;
  }

  /**
   * The memory with every change so far, those included that are on their way to the disk. Whoever tells others of what it
   * holds, or acts on it, reads it inside `transact`, which waits until it is true for good.
   */
  get state(): Readonly<WalletState> {
    return this.#state;
  }

  /**
   * Decides on the newest state, with no other decision in between, and resolves when all that it was decided on and all its
   * changes are on the disk. A decision without changes waits in the same way. When it rejects nothing of it has happened;
   * only after `WALLETD_DISK_FAILED` it may have, and `state` shows what is in the file. `decide` must not throw halfway
   * through something: it only reads.
   */
  async transact<T>(decide: (state: Readonly<WalletState>) => Decision<T>): Promise<T> {
    while (this.#mending !== undefined) await this.#mending;
    if (this.#ended !== undefined) throw this.#ended;
    const { changes, result } = decide(this.#state);
    if (changes.length === 0) {
      await (this.#gathering ?? this.#inFlight)?.written;
      return result;
    }
    const valid = changes.map((change) => WalletChangeSchema.parse(change));
    const batch = this.#batchFor(valid.length);
    for (const change of valid) {
      applyChange(this.#state, change);
      batch.changes.push(change);
    }
    await batch.written;
    return result;
  }

  /** Resolves when the changes are on the disk. */
  append(...changes: readonly WalletChange[]): Promise<void> {
    return this.transact(() => ({ changes, result: undefined }));
  }

  /** Lends the secrets and wipes them when `use` returns; `use` keeps none of their bytes. */
  withSecrets<T>(use: (secrets: WalletSecrets) => T): T {
    if (this.#ended !== undefined) throw this.#ended;
    const bytes = this.#file.openSecrets();
    try {
      return use(decodeSecrets(bytes));
    } finally {
      bytes.fill(0);
    }
  }

  /** For whoever must show that they know the password of a wallet that is open already. */
  async checkPassword(password: string): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    const key = await this.#place.keys.derive(password, this.#key.cost, this.#key.salt);
    try {
      // Closed meanwhile, its key is wiped and like no other: the right password must not count as a wrong one.
      if (this.#ended !== undefined) throw this.#ended;
      if (!key.isSame(this.#key)) throw refusals.wrongPassword(this.wallet);
    } finally {
      key.wipe();
    }
  }

  /** A new salt, a new key, a new file. A copy of the old file still opens with the old password. */
  async changePassword(password: string, newPassword: string): Promise<void> {
    await this.checkPassword(password);
    const key = await this.#place.keys.derive(newPassword, this.#place.cost);
    try {
      await this.#rewrite(key);
    } finally {
      if (key !== this.#key) key.wipe();
    }
  }

  /** Folds all changes into a new snapshot; happens by itself when they have grown. */
  compact(): Promise<void> {
    return this.#rewrite(this.#key);
  }

  /** Waits for what is on its way to the disk, forgets the keys and lets go of the lock. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const isBroken = this.#ended !== undefined;
    this.#ended ??= refusals.closed(this.wallet);
    await this.#turns;
    this.#key.wipe();
    try {
      if (!isBroken) await this.#file.close();
    } finally {
      await this.#lock.release();
    }
  }

  /** The batch that gathers, or a new one with a turn of its own. */
  #batchFor(more: number): Batch {
    const length = this.#gathering?.changes.length ?? 0;
    if (length + more > WAITING_MAX) {
      throw new TroupeError(
        { code: "RUNTIME_QUEUE_FULL", queue: "changes of the wallet", lengthMax: WAITING_MAX },
        `More than ${WAITING_MAX} changes of the wallet ${this.wallet} wait for the disk. Try again later.`,
      );
    }
    if (this.#gathering !== undefined) return this.#gathering;
    const batch = new Batch();
    this.#gathering = batch;
    this.#turn(async () => {
      // A rewrite before it, or a failure, may have taken it along.
      if (this.#gathering === batch) await this.#write();
    });
    return batch;
  }

  #turn(work: () => Promise<void>): void {
    this.#turns = this.#turns.then(work);
  }

  async #write(): Promise<void> {
    const batch = this.#take();
    try {
      if (!(await this.#foldIfGrown())) await this.#add(batch);
      batch?.resolve();
    } catch (error) {
      await this.#fail(batch, error);
    } finally {
      this.#inFlight = undefined;
    }
  }

  #take(): Batch | undefined {
    this.#inFlight = this.#gathering;
    this.#gathering = undefined;
    return this.#inFlight;
  }

  async #add(batch: Batch | undefined): Promise<void> {
    try {
      await this.#file.append(Buffer.from(JSON.stringify(batch?.changes ?? [])));
    } catch (error) {
      await this.#file.cutBack().catch((cause: unknown) => {
        throw refusals.unsure(this.wallet, cause);
      });
      throw error;
    }
  }

  /** False when the changes are still few, or when there was no room for a new file: the old one goes on. */
  async #foldIfGrown(): Promise<boolean> {
    const { snapshotBytes, changesBytes } = this.#file.lengths;
    if (changesBytes <= Math.max(this.#foldAtBytes, snapshotBytes)) return false;
    let draft: SealedDraft;
    try {
      draft = await this.#file.redraft(this.#key, this.#snapshot());
    } catch (error) {
      this.#foldAtBytes = 2 * changesBytes;
      this.#place.report(refusals.disk(this.wallet, error));
      return false;
    }
    await this.#replaceBy(draft, this.#key);
    return true;
  }

  /** In its turn; takes the batch that gathers along, which the snapshot holds already. */
  async #rewrite(key: PasswordKey): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    let failure: TroupeError | undefined;
    this.#turn(async () => {
      const batch = this.#take();
      try {
        await this.#replaceBy(await this.#file.redraft(key, this.#snapshot()), key);
        batch?.resolve();
      } catch (error) {
        failure = await this.#fail(batch, error, key);
      } finally {
        this.#inFlight = undefined;
      }
    });
    await this.#turns;
    if (failure !== undefined) throw failure;
  }

  #snapshot(): Buffer {
    return Buffer.from(JSON.stringify(this.#state));
  }

  async #replaceBy(draft: SealedDraft, key: PasswordKey): Promise<void> {
    const file = await draft.publish("replace").catch((cause: unknown) => {
      throw refusals.unsure(this.wallet, cause);
    });
    const old = this.#file;
    this.#file = file;
    this.#foldAtBytes = CHANGES_BYTES_MIN;
    if (key !== this.#key) {
      this.#key.wipe();
      this.#key = key;
    }
    await old.close();
  }

  /** Tells everyone whose change is lost, and reads the memory anew: it held changes that are not in the file. */
  async #fail(batch: Batch | undefined, thrown: unknown, newKey?: PasswordKey): Promise<TroupeError> {
    const failure = refusals.disk(this.wallet, thrown);
    const gathered = this.#gathering;
    this.#gathering = undefined;
    this.#mending = this.#readAnew(newKey).finally(() => {
      this.#mending = undefined;
    });
    await this.#mending;
    batch?.reject(failure);
    gathered?.reject(failure);
    return failure;
  }

  async #readAnew(newKey: PasswordKey | undefined): Promise<void> {
    try {
      await this.#file.close();
      const opened = await SealedFile.open(this.#place, async (_, fits) =>
        newKey !== undefined && fits(newKey) ? newKey : this.#key,
      );
      this.#file = opened.file;
      this.#key = opened.key;
      this.#state = readState(this.wallet, opened);
    } catch (error) {
      this.#ended = refusals.disk(this.wallet, error);
    }
  }
}

/** What is written together: callers that came while the disk was busy share one write. */
class Batch {
  readonly changes: WalletChange[] = [];
  readonly written: Promise<void>;
  resolve: () => void = () => {};
  reject: (error: TroupeError) => void = () => {};

  constructor() {
    this.written = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

function readState(wallet: string, { snapshot, changes }: OpenedFile): WalletState {
  const parsed = WalletStateSchema.safeParse(parseJson(snapshot));
  // The seal says that we wrote it: what we do not know comes from a newer release.
  if (!parsed.success) throw refusals.newer(wallet);
  for (const body of changes) {
    const batch = BatchSchema.safeParse(parseJson(body));
    if (!batch.success) throw refusals.newer(wallet);
    for (const change of batch.data) applyChange(parsed.data, change);
  }
  return parsed.data;
}

function parseJson(body: Buffer): unknown {
  const text = body.toString("utf8");
  body.fill(0);
  return JSON.parse(text);
}
