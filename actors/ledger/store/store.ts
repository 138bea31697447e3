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
const TABLES_MAX = 32;

export interface RangeOptions {
  readonly start?: Key;
  readonly end?: Key;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly offset?: number;
}

/** Open while a change is made. */
interface Gate {
  isOpen: boolean;
}

interface Place {
  readonly env: RootDatabase;
  readonly gate: Gate;
}

/** One table, in the order of its keys. */
export class Table<K extends Key, V> {
  readonly #rows: Database<V, K>;
  readonly #gate: Gate;

  constructor({ env, gate }: Place, name: string) {
    this.#rows = env.openDB<V, K>({ name, encoding: "json" });
    this.#gate = gate;
  }

  get(key: K): V | undefined {
    return this.#rows.get(key);
  }

  /** Only inside a `write`: there it is done at once. */
  put(key: K, value: V): void {
    assert(this.#gate.isOpen, "what changes the books is part of a change");
    void this.#rows.put(key, value);
  }

  remove(key: K): void {
    assert(this.#gate.isOpen, "what changes the books is part of a change");
    void this.#rows.remove(key);
  }

  /** Read as they are asked for: whoever has seen enough stops. Nothing is changed meanwhile. */
  each(range: RangeOptions = {}): Iterable<V> {
    return this.#rows.getRange(range).map(({ value }) => value);
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

function openTables(place: Place) {
  return {
    numbers: new Table<string, number>(place, "numbers"),
    bank: new Table<"bank", BankRow>(place, "bank"),
    users: new Table<number, UserRow>(place, "users"),
    jids: new Table<string, number>(place, "jids"),
    names: new Table<string, NameRow>(place, "names"),
    addresses: new Table<string, AddressRow>(place, "addresses"),
    /** By user and number: his addresses in the order in which he got them. */
    userAddresses: new Table<[number, number], string>(place, "user-addresses"),
    deposits: new Table<string, DepositRow>(place, "deposits"),
    /** Those that a reorganisation may still undo, by user; 0 is the house, -1 nobody. */
    openDeposits: new Table<[number, string], 1>(place, "open-deposits"),
    entries: new Table<number, EntryRow>(place, "entries"),
    /** What was booked under each key, for ever. */
    entryKeys: new Table<string, number>(place, "entry-keys"),
    accountEntries: new Table<[string, number], number>(place, "account-entries"),
    balances: new Table<string, number>(place, "balances"),
    movements: new Table<[number, number], MovementRow>(place, "movements"),
    orders: new Table<string, OrderRow>(place, "orders"),
    userOrders: new Table<[number, number], string>(place, "user-orders"),
    /** Those that are not over, each with its user. */
    openOrders: new Table<string, number>(place, "open-orders"),
    /** The same by user and number. */
    userOpenOrders: new Table<[number, number], string>(place, "user-open-orders"),
    /** By user and his own word for it. */
    requests: new Table<[number, string], { readonly order: string; readonly atS: number }>(
      place,
      "requests",
    ),
    /** By the time when it was queued and its id: its number, and the word of its request, until it is old. */
    agingOrders: new Table<[number, string], { readonly number: number; readonly request: string | null }>(
      place,
      "aging-orders",
    ),
    notices: new Table<number, NoticeRow>(place, "notices"),
    /** By user and number: those that wait for his summary. */
    waiting: new Table<[number, number], NoticeRow>(place, "waiting"),
    audit: new Table<number, AuditRow>(place, "audit"),
    bans: new Table<string, number>(place, "bans"),
    invites: new Table<string, number>(place, "invites"),
  };
}

export type Tables = ReturnType<typeof openTables>;

export class LedgerStore {
  readonly #env: RootDatabase;
  readonly #tables: Tables;
  readonly #gate: Gate = { isOpen: false };

  /** Without `isFlushed` a change may be lost with the machine, not with the process: for tests that make thousands. */
  constructor(directory: string, { isFlushed = true }: { readonly isFlushed?: boolean } = {}) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Without it a transaction that was answered might not be on the disk yet.
    this.#env = open({
      ...{ path: directory, noSubdir: false, maxDbs: TABLES_MAX, overlappingSync: false },
      noSync: !isFlushed,
    });
    this.#tables = openTables({ env: this.#env, gate: this.#gate });
    chmodSync(join(directory, "data.mdb"), 0o600);
    const { numbers } = this.#tables;
    const format = numbers.get("format");
    assert(format === undefined || format === FORMAT, "these books are of another release");
    if (format === undefined) this.write(({ numbers: rows }) => rows.put("format", FORMAT));
    if (!areOpenOrdersListed(this.#tables)) this.write(listOpenOrders);
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
        this.#gate.isOpen = true;
        try {
          return work(this.#tables);
        } catch (error) {
          isRefused = true;
          refusal = error;
          throw error;
        } finally {
          this.#gate.isOpen = false;
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

/** They are not in the books of older releases, nor as they are now where one of those went on with them. */
function areOpenOrdersListed({ openOrders, userOpenOrders }: Tables): boolean {
  const listed = userOpenOrders.values();
  return listed.length === openOrders.count() && listed.every((id) => openOrders.get(id) !== undefined);
}

function listOpenOrders({ openOrders, userOrders, userOpenOrders }: Tables): void {
  for (const key of userOpenOrders.keys()) userOpenOrders.remove(key);
  for (const key of userOrders.keys()) {
    const id = userOrders.get(key) as string;
    if (openOrders.get(id) !== undefined) userOpenOrders.put(key, id);
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
