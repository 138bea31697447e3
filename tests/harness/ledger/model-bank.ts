/** A wallet at a wallet daemon, in memory: what came, what was paid, and every way in which an answer can be lost. */
import type { Bus } from "../../../bus/bus.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { type Mixed, ModelMixer } from "./model-mixer.ts";

/** What becomes of the next payment that is asked for. */
export type PayFate = "paid" | "lost before" | "lost after" | "signed, not sent" | "refused";

interface ModelDeposit {
  readonly txid: string;
  readonly index: number;
  readonly address: string;
  readonly amountSat: number;
  height: number | null;
  readonly isReplaceable: boolean;
  readonly isCoinbase: boolean;
}

interface ModelPayout {
  readonly order: string;
  readonly txid: string;
  readonly amountSat: number;
  readonly feeSat: number;
  readonly address: string;
  height: number | null;
  isSeen: boolean;
}

export class ModelBank {
  deposits: ModelDeposit[] = [];
  readonly payouts = new Map<string, ModelPayout>();
  height = 200;
  fate: PayFate = "paid";
  feeSat = 300;
  /** What a payment costs, or throws. */
  quoteOf: (amountSat: number) => number = () => this.feeSat;
  #made = 0;
  readonly mixer = new ModelMixer(
    (mixed, mostSat, isSent) => this.#mixed(mixed, mostSat, isSent),
    (order) => this.payouts.get(order) as ModelPayout,
  );

  get totalSat(): number {
    const inSat = this.deposits.reduce((sum, { amountSat }) => sum + amountSat, 0);
    return inSat - this.#outSat;
  }

  get #outSat(): number {
    let sum = 0;
    for (const { amountSat, feeSat, isSeen } of this.payouts.values()) if (isSeen) sum += amountSat + feeSat;
    return sum;
  }

  pay(address: string, amountSat: number, isCoinbase = false): void {
    this.#made += 1;
    this.deposits.push({
      txid: idOf(this.#made),
      index: 0,
      address,
      amountSat,
      height: null,
      isReplaceable: true,
      isCoinbase,
    });
  }

  mine(): void {
    this.height += 1;
    for (const one of [...this.deposits, ...this.payouts.values()]) {
      if (!("isSeen" in one) || one.isSeen) one.height ??= this.height;
    }
  }

  /** A deposit leaves the chain, for ever or into the mempool, if the wallet can bear it. */
  undo(at: number, isGone: boolean): void {
    const deposit = this.deposits[at % Math.max(1, this.deposits.length)];
    if (deposit === undefined || this.totalSat < deposit.amountSat) return;
    if (isGone) this.deposits = this.deposits.filter((one) => one !== deposit);
    else deposit.height = null;
  }

  /** For a ledger that has this bus. */
  bus(): Bus {
    const listener = { stop: () => Promise.resolve() };
    const client = {
      bankView: ({ orders }: { readonly orders: readonly string[] }) => Promise.resolve(this.#view(orders)),
      bankAddress: () => {
        this.#made += 1;
        return Promise.resolve({ address: `fresh-${this.#made}` });
      },
      bankQuote: async ({ amountSat }: { readonly amountSat: number }) => ({
        amountSat,
        feeSat: this.quoteOf(amountSat),
      }),
      payOut: (wish: Parameters<ModelBank["payOut"]>[0]) => this.payOut(wish),
      resign: () => Promise.resolve({}),
      ...this.mixer.calls(),
    };
    const partial: Partial<Bus> = {
      onEvent: () => Promise.resolve(listener),
      onState: () => Promise.resolve(listener),
      client: () => client as never,
    };
    return partial as Bus;
  }

  async payOut(wish: {
    readonly order: string;
    readonly address: string;
    readonly amountSat: number;
    readonly feeSatMax: number;
  }): Promise<{ txid: string; feeSat: number }> {
    await Promise.resolve();
    const { fate } = this;
    this.fate = "paid";
    const { order, address, amountSat, feeSatMax } = wish;
    const known = this.payouts.get(order);
    if (known === undefined && fate === "lost before") throw lost();
    if (
      known === undefined &&
      (fate === "refused" || this.feeSat > feeSatMax || this.totalSat < amountSat + this.feeSat)
    ) {
      throw new TroupeError({ code: "WALLETD_NOT_TAKEN" }, "the node does not take it");
    }
    this.#made += 1;
    const payout = known ?? {
      ...{ order, txid: idOf(this.#made), amountSat, feeSat: this.feeSat, address },
      ...{ height: null, isSeen: false },
    };
    this.payouts.set(order, payout);
    if (fate === "signed, not sent") throw lost();
    payout.isSeen = true;
    if (fate === "lost after") throw lost();
    return { txid: payout.txid, feeSat: payout.feeSat };
  }

  /** One transaction for an order, however often it is signed or sent. */
  #mixed({ order, amountSat, address }: Mixed, mostSat: number, isSent: boolean): void {
    const known = this.payouts.get(order);
    if (known === undefined) this.#made += 1;
    const payout = known ?? {
      ...{ order, txid: idOf(this.#made), amountSat, feeSat: Math.min(this.feeSat, mostSat), address },
      ...{ height: null, isSeen: false },
    };
    payout.isSeen ||= isSent;
    this.payouts.set(order, payout);
  }

  #view(orders: readonly string[]) {
    return {
      wallet: "bank.jmdat",
      grantExpiresAtS: 4_000_000_000,
      tip: { height: this.height, hash: idOf(this.height) },
      totalSat: this.totalSat,
      frozenSat: 0,
      coinjoin: { amountSatMax: 1e9, makerFeesSatMax: 1e6, miningFeeSatMax: 1e6, coinsSat: [this.totalSat] },
      received: this.deposits.map((deposit) => ({ ...deposit })),
      payouts: orders.flatMap((order) => {
        const payout = this.payouts.get(order);
        if (payout === undefined) return [];
        const { txid, feeSat, height, isSeen } = payout;
        return [{ order, txid, feeSat, height, isSeen }];
      }),
    };
  }
}

function idOf(number: number): string {
  return number.toString(16).padStart(64, "0");
}

function lost(): TroupeError {
  return new TroupeError({ code: "WALLETD_NOT_KNOWN_SENT" }, "the answer was lost");
}
