/** Books in a directory of their own, with chance from the seed and time that stands still, and their closing as a crash does it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { News, Tx } from "../../../actors/ledger/books/transaction.ts";
import { type LedgerConfig, ledgerSection } from "../../../actors/ledger/config.ts";
import { LedgerStore, type Tables } from "../../../actors/ledger/store/store.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { chance } from "./chance.ts";

const UNFLUSHED = { isFlushed: false };

export class TestBooks {
  readonly directory = mkdtempSync(join(tmpdir(), "troupe-ledger-"));
  readonly rules: LedgerConfig;
  nowS = 1_800_000_000;
  news: News = { users: new Set(), notices: [] };
  #store = new LedgerStore(this.directory, UNFLUSHED);
  readonly #draw = chance();

  constructor(rules: Partial<LedgerConfig> = {}) {
    this.rules = { ...ledgerSection.schema.parse({}), registration: "open", ...rules };
  }

  read<T>(work: (tables: Tables) => T): T {
    return this.#store.read(work);
  }

  write<T>(work: (tx: Tx) => T): T {
    return this.#store.write((t) => work(this.tx(t)));
  }

  tx(t: Tables): Tx {
    return {
      t,
      nowS: this.nowS,
      rules: this.rules,
      network: regtest,
      randomBytes: (length) => Uint8Array.from({ length }, () => this.#draw(256)),
      randomBelow: this.#draw,
      news: this.news,
    };
  }

  /** What was not answered is gone, what was answered is there. */
  async reopen(): Promise<void> {
    await this.#store.close();
    this.#store = new LedgerStore(this.directory, UNFLUSHED);
  }

  async remove(): Promise<void> {
    await this.#store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
