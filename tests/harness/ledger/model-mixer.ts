/** Coinjoins of the bank in memory: what walletd lends and signs, what a taker makes of it, and every way in which an answer can be lost. */
import { TroupeError } from "../../../runtime/errors.ts";

/** What becomes of the next coinjoin that is asked for. `forgotten`: the taker has lost it after it was begun. */
export const MIX_FATES = [
  "done",
  "fails",
  "signed, not sent",
  "hangs",
  "hangs signed",
  "forgotten",
  "lending lost before",
  "lending lost after",
  "start lost before",
  "start lost after",
  "not lent",
  "sent, not told",
] as const;
export type MixFate = (typeof MIX_FATES)[number];

interface Loan {
  readonly order: string;
  readonly address: string;
  readonly amountSat: number;
  readonly mostSat: number;
  state: "open" | "ended" | "signed";
}

interface Run {
  readonly id: string;
  phase: "fill" | "done" | "failed";
}

interface Terms {
  readonly order: string;
  readonly address: string;
  readonly amountSat: number;
  readonly makerFeesSatMax: number;
  readonly miningFeeSatMax: number;
}

export interface Mixed {
  readonly order: string;
  readonly address: string;
  readonly amountSat: number;
}

export class ModelMixer {
  fate: MixFate = "done";
  readonly #loans = new Map<string, Loan>();
  readonly #runs = new Map<string, Run>();
  /** Of each order, what was to become of it when it was begun. */
  readonly #fates = new Map<string, MixFate>();
  /** Signs away what an order wants; `isSent`: the network has it. */
  readonly #onSigned: (mixed: Mixed, mostSat: number, isSent: boolean) => void;
  readonly #payoutOf: (order: string) => { readonly txid: string; readonly feeSat: number };

  constructor(
    onSigned: (mixed: Mixed, mostSat: number, isSent: boolean) => void,
    payoutOf: (order: string) => { readonly txid: string; readonly feeSat: number },
  ) {
    this.#onSigned = onSigned;
    this.#payoutOf = payoutOf;
  }

  /** What hangs is over now, as good as it can be. */
  finish(): void {
    for (const run of this.#runs.values()) if (run.phase === "fill") this.#end(run);
  }

  calls() {
    return {
      bankLend: (terms: Terms) => this.#lend(terms),
      bankRecall: ({ order }: { readonly order: string }) => this.#recall(order),
      start: (wish: { readonly id: string; readonly grant: string }) => this.#start(wish),
      run: ({ id }: { readonly id: string }) => this.#run(id),
    };
  }

  async #lend({ order, address, amountSat, makerFeesSatMax, miningFeeSatMax }: Terms) {
    await Promise.resolve();
    const fate = this.#drawn(order);
    if (fate === "not lent") throw refusal("WALLETD_LIMIT");
    if (fate === "lending lost before") throw this.#lostOnce(order);
    const known = this.#loans.get(order);
    if (known !== undefined && known.state !== "open") throw refusal("WALLETD_LENDING_OVER");
    const mostSat = makerFeesSatMax + miningFeeSatMax;
    if (known !== undefined && (known.amountSat !== amountSat || known.mostSat !== mostSat)) {
      throw refusal("BUS_CONFLICT");
    }
    this.#loans.set(order, known ?? { order, address, amountSat, mostSat, state: "open" });
    if (fate === "lending lost after") throw this.#lostOnce(order);
    return { grant: `lent-${order}`, mixdepth: 0, expiresAtS: 4_000_000_000 };
  }

  async #recall(order: string) {
    await Promise.resolve();
    const loan = this.#loans.get(order);
    if (loan?.state !== "signed") {
      this.#loans.set(order, {
        ...(loan ?? { order, address: "", amountSat: 0, mostSat: 0 }),
        state: "ended",
      });
      return { signed: null };
    }
    // From now on walletd sends it.
    this.#onSigned(loan, loan.mostSat, true);
    return { signed: { payout: this.#payoutOf(order) } };
  }

  async #start({ id, grant }: { readonly id: string; readonly grant: string }) {
    await Promise.resolve();
    if (grant !== `lent-${id}`) throw new Error("a coinjoin is begun with what was lent for it");
    const fate = this.#drawn(id);
    if (fate === "start lost before") throw this.#lostOnce(id);
    if (!this.#runs.has(id)) this.#begin(id, fate);
    if (fate === "start lost after") throw this.#lostOnce(id);
    return { id };
  }

  async #run(id: string) {
    await Promise.resolve();
    const run = this.#runs.get(id);
    if (run === undefined) throw refusal("TAKER_NO_SUCH_RUN");
    const isFailed = run.phase === "failed";
    return {
      ...run,
      isOver: run.phase !== "fill",
      progress: run.phase,
      failure: isFailed ? { code: "TAKER_MAKERS_FAILED", message: "the makers have gone" } : null,
    };
  }

  #begin(id: string, fate: MixFate): void {
    const run: Run = { id, phase: "fill" };
    this.#runs.set(id, run);
    if (fate === "hangs") return;
    if (fate === "fails") {
      run.phase = "failed";
      return;
    }
    const isSent = fate !== "signed, not sent" && fate !== "hangs signed";
    const isSigned = this.#sign(id, isSent);
    if (fate === "hangs signed") return;
    run.phase = isSigned && isSent ? "done" : "failed";
    if (fate === "forgotten") this.#runs.delete(id);
    if (fate === "sent, not told") run.phase = "fill";
  }

  #end(run: Run): void {
    run.phase = this.#sign(run.id, true) ? "done" : "failed";
  }

  /** By walletd's judgement: once, and only while it is lent. */
  #sign(order: string, isSent: boolean): boolean {
    const loan = this.#loans.get(order);
    if (loan === undefined || loan.state === "ended") return false;
    loan.state = "signed";
    this.#onSigned(loan, loan.mostSat, isSent);
    return true;
  }

  #drawn(order: string): MixFate {
    const known = this.#fates.get(order);
    if (known !== undefined) return known;
    this.#fates.set(order, this.fate);
    return this.fate;
  }

  /** The next time it goes through. */
  #lostOnce(order: string): TroupeError {
    this.#fates.set(order, "done");
    return refusal("BUS_DEADLINE");
  }
}

function refusal(code: string): TroupeError {
  return new TroupeError({ code }, `the model refuses (${code})`);
}
