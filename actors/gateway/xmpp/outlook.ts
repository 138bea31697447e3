/** How bank and chain are, which shows in the presence that everybody sees. */
import type { LedgerStatus } from "../../../bus/contracts/ledger/objects.ts";
import type { Texts } from "./language/catalogue.ts";

type BankOutlook = Pick<LedgerStatus, "isSpending" | "isConnected" | "isMixing">;

interface ChainSync {
  readonly isSynced: boolean;
  readonly percent: number;
}

/** As presence has it: no payments by somebody's will, none while the wallet is not open, nothing newer than what was read. */
type Show = "dnd" | "away" | "xa";

export class Outlook {
  readonly #onChange: () => void;
  #bank: BankOutlook | undefined;
  #chain: ChainSync | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Undefined while all is well, or nobody has told us yet. */
  get show(): Show | undefined {
    if (this.#bank?.isConnected === false) return "away";
    if (this.#bank?.isSpending === false) return "dnd";
    return this.#chain?.isSynced === false ? "xa" : undefined;
  }

  /** How far the chain is read; undefined when it is, or nobody knows. */
  get percentRead(): number | undefined {
    return this.#chain?.isSynced === false ? this.#chain.percent : undefined;
  }

  /** Whether payments are made by coinjoins too. */
  get isMixing(): boolean {
    return this.#bank?.isMixing === true;
  }

  words(texts: Texts): string {
    const { show } = this;
    return show === undefined
      ? ""
      : { away: texts.statusLocked, dnd: texts.statusFrozen, xa: texts.statusSyncing }[show];
  }

  bankIs(status: BankOutlook): void {
    this.#changing(() => {
      this.#bank = status;
    });
  }

  chainIs(sync: ChainSync): void {
    this.#changing(() => {
      this.#chain = sync;
    });
  }

  #changing(change: () => void): void {
    const before = this.show;
    change();
    if (this.show !== before) this.#onChange();
  }
}
