/** The books on disk, in LMDB: every change is one transaction, all or nothing, and on the disk when it is answered. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Database, type Key, open, type RootDatabase } from "lmdb";
import { assert } from "../../../runtime/errors.ts";
import { denials } from "../denials.ts";
import type {
  AddressRow,
  AuditRow,
  BankRow,
  DepositRow,
  EntryRow,
  MovementRow,
  NameRow,
  NoticeRow,
  OrderRow,
  UserRow,
} from "./rows.ts";

/** A later one reads an earlier one's books, or says that it does not. */
const FORMAT = 1;
const TABLES_MAX = 24;

export interface RangeOptions {
  readonly start?: Key;
  readonly end?: Key;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly offset?: number;
}

/** One table, in the order of its keys. */
export class Table<K extends Key, V> {
  readonly #rows: Database<V, K>;

  constructor(env: RootDatabase, name: string) {
    this.#rows = env.openDB<V, K>({ name, encoding: "json" });
  }

  get(key: K): V | undefined {
    return this.#rows.get(key);
  }

  /** Only inside a `write`: there it is done at once. */
  put(key: K, value: V): void {
    void this.#rows.put(key, value);
  }

  remove(key: K): void {
    void this.#rows.remove(key);
  }

  values(range: RangeOptions = {}): V[] {
    return [...this.#rows.getRange(range).map(({ value }) => value)];
  }

  keys(range: RangeOptions = {}): K[] {
    return [...this.#rows.getKeys(range)];
  }

  count(range: RangeOptions = {}): number {
    return this.#rows.getCount(range);
  }
}

function openTables(env: RootDatabase) {
  return {
    numbers: new Table<string, number>(env, "numbers"),
    bank: new Table<"bank", BankRow>(env, "bank"),
    users: new Table<number, UserRow>(env, "users"),
    jids: new Table<string, number>(env, "jids"),
    names: new Table<string, NameRow>(env, "names"),
    addresses: new Table<string, AddressRow>(env, "addresses"),
    /** By user and number: his addresses in the order in which he got them. */
    userAddresses: new Table<[number, number], string>(env, "user-addresses"),
    deposits: new Table<string, DepositRow>(env, "deposits"),
    /** Those that a reorganisation may still undo, by user; 0 is the house, -1 nobody. */
    openDeposits: new Table<[number, string], 1>(env, "open-deposits"),
    entries: new Table<number, EntryRow>(env, "entries"),
    /** What was booked under each key, for ever. */
    entryKeys: new Table<string, number>(env, "entry-keys"),
    accountEntries: new Table<[string, number], number>(env, "account-entries"),
    balances: new Table<string, number>(env, "balances"),
    movements: new Table<[number, number], MovementRow>(env, "movements"),
    orders: new Table<string, OrderRow>(env, "orders"),
    userOrders: new Table<[number, number], string>(env, "user-orders"),
    /** Those that are not over, each with its user. */
    openOrders: new Table<string, number>(env, "open-orders"),
    /** By user and his own word for it. */
    requests: new Table<[number, string], { readonly order: string; readonly atS: number }>(env, "requests"),
    notices: new Table<number, NoticeRow>(env, "notices"),
    audit: new Table<number, AuditRow>(env, "audit"),
    bans: new Table<string, number>(env, "bans"),
    invites: new Table<string, number>(env, "invites"),
  };
}

export type Tables = ReturnType<typeof openTables>;

export class LedgerStore {
  readonly #env: RootDatabase;
  readonly #tables: Tables;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Without it a transaction that was answered might not be on the disk yet.
    this.#env = open({ path: directory, noSubdir: false, maxDbs: TABLES_MAX, overlappingSync: false });
    this.#tables = openTables(this.#env);
    chmodSync(join(directory, "data.mdb"), 0o600);
    const { numbers } = this.#tables;
    const format = numbers.get("format");
    assert(format === undefined || format === FORMAT, "these books are of another release");
    if (format === undefined) this.write(({ numbers: rows }) => rows.put("format", FORMAT));
  }

  /** As the books are now: nobody writes while this runs. */
  read<T>(work: (tables: Tables) => T): T {
    return work(this.#tables);
  }

  /** All that `work` changes, or nothing if it throws; on the disk when this returns. */
  write<T>(work: (tables: Tables) => T): T {
    let refusal: unknown;
    let isRefused = false;
    try {
      return this.#env.transactionSync(() => {
        try {
          return work(this.#tables);
        } catch (error) {
          isRefused = true;
          refusal = error;
          throw error;
        }
      });
    } catch (error) {
      if (isRefused) throw refusal;
      throw denials.disk(error);
    }
  }

  async close(): Promise<void> {
    await this.#env.close();
  }
}

/** The next number of a series: 1, 2, 3, … */
export function nextNumber({ numbers }: Tables, series: string): number {
  const next = (numbers.get(series) ?? 0) + 1;
  numbers.put(series, next);
  return next;
}

/** All keys that begin with the number. */
export function ofFirst(first: number): RangeOptions {
  return { start: [first], end: [first + 1] };
}

/** The same from the last to the first. */
export function ofFirstDown(first: string | number): RangeOptions {
  return { start: [first, Number.MAX_SAFE_INTEGER], end: [first], reverse: true };
}
