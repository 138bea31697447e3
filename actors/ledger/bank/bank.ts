/** The bank's wallet at walletd: looked at after every change of it, paid out of one order at a time, never both at once. */

import type { Bus, Client, Listener } from "../../../bus/bus.ts";
import type { LedgerReconciliation } from "../../../bus/contracts/ledger/objects.ts";
import { takerContract } from "../../../bus/contracts/taker.ts";
import { BANK_ORDERS_MAX } from "../../../bus/contracts/walletd/bank-methods.ts";
import { stemOf } from "../../../bus/contracts/walletd/stem.ts";
import { walletdContract } from "../../../bus/contracts/walletd.ts";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { LedgerConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { Desk } from "../desk.ts";
import type { LedgerMetrics } from "../metrics.ts";
import { payable, payoutBegun, payoutFailed, payoutLost, payoutPaid } from "../orders/payouts.ts";
import type { BankRow, CoinjoinRow, OrderRow } from "../store/rows.ts";
import { applyView, type BankView, FINAL_CONFIRMATIONS } from "./bank-view.ts";
import { NEVER_OPENED } from "./halting.ts";
import { Mixing } from "./mixing.ts";
import { bookDifference, reconcile, takeOver } from "./reconciliation.ts";

export interface BankParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly desk: Desk;
  readonly config: LedgerConfig;
  readonly metrics: LedgerMetrics;
  /** How it is may differ from before. */
  readonly onChange: () => void;
}

/** What news was lost is found by then. */
const LOOK_MS = 60_000;
/** walletd was away: it is asked again so soon. */
const RETRY_MS = 5_000;
/** One that waited for longer is not paid without its person knowing. */
const STALE_S = 3_600;
/** walletd signed nothing, and will not without being asked again. */
const DEFINITE = new Set([
  "WALLETD_NOT_TAKEN",
  "WALLETD_FUNDS",
  "WALLETD_BEYOND_GRANT",
  "WALLETD_LIMIT",
  "WALLETD_ADDRESS",
  "WALLETD_DUST",
  "WALLETD_FEE",
]);

/** The taker, or walletd, is away or does not answer. */
const HANGS = new Set(["BUS_DEADLINE", "BUS_UNAVAILABLE"]);

export class Bank {
  readonly #parts: BankParts;
  readonly #walletd: Client<typeof walletdContract>;
  readonly #listeners: Listener[] = [];
  #lane: Promise<unknown> = Promise.resolve();
  #isDue = false;
  #timer: Timer | undefined;
  #isStopped = false;
  #why: string | null = "it was not looked at yet";
  #last: LedgerReconciliation | undefined;
  #isMixing = false;
  readonly #mixing: Mixing;

  constructor(parts: BankParts) {
    this.#parts = parts;
    this.#mixing = new Mixing(parts);
    this.#walletd = parts.bus.client(walletdContract);
  }

  get row(): BankRow {
    return this.#parts.desk.read((t) => t.bank.get("bank")) ?? NEVER_OPENED;
  }

  /** Why the wallet cannot be asked; null when it can. */
  get why(): string | null {
    const { grant, wallet } = this.row;
    if (wallet === null) return "it was never opened";
    return grant === null ? "it was shut" : this.#why;
  }

  /** Whether the wallet's owner allows payments by coinjoins. */
  get isMixing(): boolean {
    return this.#isMixing && this.row.grant !== null;
  }

  async start(): Promise<void> {
    const { bus, desk } = this.#parts;
    const look = () => this.look();
    this.#listeners.push(
      await bus.onEvent(
        walletdContract,
        "grant.changed",
        ({ id }) => {
          if (id === this.row.grantId) this.look();
        },
        { onGap: look },
      ),
      await bus.onEvent(
        takerContract,
        "run.changed",
        ({ id, isOver }) => {
          if (isOver && desk.read((t) => t.openOrders.get(id)) !== undefined) this.look();
        },
        { onGap: look },
      ),
      await bus.onState(walletdContract, "wallets", ({ wallets }) => {
        const isThere = wallets.some(({ wallet, isKnown }) => stemOf(wallet) === this.row.wallet && isKnown);
        if (isThere !== (this.#why === null)) this.look();
      }),
    );
    this.look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const listener of this.#listeners) await listener.stop();
    await this.#lane;
  }

  /** Soon, and once for all that happens until then. */
  look(): void {
    if (this.#isDue || this.#isStopped) return;
    this.#isDue = true;
    void this.#queue(async () => {
      this.#isDue = false;
      await this.#round();
    });
  }

  /** Payments were stopped, or go on. */
  changed(): void {
    this.#parts.onChange();
    this.look();
  }

  /** Resolves when everything that was wanted before has been tried. */
  async settle(): Promise<void> {
    await this.#queue(() => Promise.resolve());
  }

  /** Compares now; throws where walletd cannot be asked. */
  async reconcile(isBooked: boolean): Promise<LedgerReconciliation> {
    return await this.#queue(async () => {
      await this.#view(isBooked);
      if (this.#last === undefined) throw denials.notOpen(this.why ?? "");
      return this.#last;
    });
  }

  async open(named: string, grant: string, grantId: string): Promise<void> {
    const { desk } = this.#parts;
    const before = this.row;
    const wallet = stemOf(named);
    if (before.wallet !== null && before.wallet !== wallet) throw denials.otherWallet(before.wallet);
    try {
      const view = await this.#walletd.bankView({ grant, sinceHeight: ABOVE_ALL, orders: [] });
      if (stemOf(view.wallet) !== wallet) throw denials.grant(`it is of the wallet ${view.wallet}`);
    } catch (error) {
      // That it does not know its coins yet is no fault of the grant.
      if (!hasCode(error, "WALLETD_NOT_SYNCED")) {
        throw hasCode(error, "LEDGER_GRANT")
          ? error
          : denials.grant(toWireError(error).message.slice(0, 200));
      }
    }
    desk.write(({ t }) => t.bank.put("bank", { ...this.row, wallet, grant, grantId }));
    const { grant: old } = before;
    if (old !== null && old !== grant) await this.#walletd.resign({ grant: old }).catch(() => this.#isGone());
    this.look();
    await this.settle();
  }

  async shut(): Promise<void> {
    const { grant } = this.row;
    this.#parts.desk.write(({ t }) => t.bank.put("bank", { ...this.row, grant: null, grantId: null }));
    if (grant !== null) await this.#walletd.resign({ grant }).catch(() => this.#isGone());
    this.#parts.onChange();
  }

  async newAddress(key: string | undefined): Promise<string> {
    const grant = this.#needGrant();
    const { address } = await this.#asked(
      this.#walletd.bankAddress({ grant }, key === undefined ? {} : { key }),
    );
    return address;
  }

  async quote(address: string, amountSat: number): Promise<number> {
    return this.#judged(await this.#asked(this.#quoted(address, amountSat)));
  }

  /** Undefined where the wallet has not so much, and its fee, that it can spend now. */
  async quoteIfThere(address: string, amountSat: number): Promise<number | undefined> {
    try {
      return this.#judged(await this.#quoted(address, amountSat));
    } catch (error) {
      if (hasCode(error, "WALLETD_FUNDS")) return undefined;
      return await this.#asked(Promise.reject(error));
    }
  }

  async #quoted(address: string, amountSat: number): Promise<number> {
    const grant = this.#needGrant();
    const blocks = this.#parts.config.fee_blocks;
    return (await this.#walletd.bankQuote({ grant, address, amountSat, blocks })).feeSat;
  }

  #judged(feeSat: number): number {
    if (feeSat <= this.#parts.config.fee_sat_max) return feeSat;
    throw denials.notOpen("the miners ask more than the operator allows");
  }

  /** What a payment by a coinjoin would cost, by the market's word. */
  async quoteCoinjoin(address: string, amountSat: number, makers: number | undefined): Promise<CoinjoinRow> {
    const grant = this.#needGrant();
    const now = { grant, sinceHeight: ABOVE_ALL, orders: [] };
    const { coinjoin } = await this.#asked(this.#walletd.bankView(now));
    return await this.#mixing.price(coinjoin, { address, amountSat, makers });
  }

  /** Carries out what is confirmed, and waits for it: so long at most. */
  async carryOut(waitMs: number): Promise<void> {
    this.look();
    await new Promise<void>((resolve) => {
      const timer = this.#parts.clock.after(waitMs, resolve, { background: true });
      void this.settle().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Gives up a payment that is under way, where that is possible, when all before it is done. */
  async giveUp(id: string): Promise<void> {
    const { desk, onChange } = this.#parts;
    await this.#queue(async () => {
      const order = desk.read((t) => t.orders.get(id));
      if (order === undefined || !isMixed(order)) return;
      const grant = this.#needGrant();
      try {
        await this.#mixing.giveUp(order, grant);
      } catch (error) {
        throw hasCode(error, "LEDGER_ORDER_OVER")
          ? error
          : denials.notOpen(toWireError(error).message.slice(0, 200));
      }
    });
    onChange();
    this.look();
  }

  #needGrant(): string {
    const { grant } = this.row;
    const { why } = this;
    if (grant === null || why !== null) throw denials.notOpen(why ?? "it was shut");
    return grant;
  }

  async #asked<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (hasCode(error, "LEDGER_NOT_OPEN")) throw error;
      throw denials.notOpen(toWireError(error).message.slice(0, 200));
    }
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lane.then(work);
    this.#lane = done.catch(() => undefined);
    return done;
  }

  async #round(): Promise<void> {
    this.#timer?.cancel();
    const { clock, log, onChange } = this.#parts;
    let nextMs = LOOK_MS;
    try {
      await this.#view(false);
      const paid = await this.#payAll();
      const mixed = await this.#mixAll();
      if (paid + mixed.steps > 0) await this.#view(false);
      if (mixed.failed > 0) nextMs = RETRY_MS;
    } catch (error) {
      log.debug("the bank's wallet was not looked at to the end", { code: toWireError(error).code });
      nextMs = RETRY_MS;
    }
    onChange();
    if (!this.#isStopped) this.#timer = clock.after(nextMs, () => this.look(), { background: true });
  }

  async #view(isBooked: boolean): Promise<void> {
    const { desk, metrics } = this.#parts;
    const { grant, tip } = this.row;
    if (grant === null) return;
    const sinceHeight = Math.max(0, (tip?.height ?? 0) - FINAL_CONFIRMATIONS);
    const orders = desk.read((t) => t.openOrders.keys().filter((id) => isUnderWay(t.orders.get(id))));
    let view: BankView;
    try {
      view = await this.#walletd.bankView({ grant, sinceHeight, orders: orders.slice(0, BANK_ORDERS_MAX) });
    } catch (error) {
      // After every start: users read it too, who can do nothing about it.
      this.#why = hasCode(error, "WALLETD_NO_GRANT")
        ? "its wallet is locked, or is the bank's no longer. Who runs it types: supervisor wallet unlock"
        : `walletd: ${toWireError(error).message}`.slice(0, 280);
      this.#parts.log.debug("walletd did not tell of the bank's wallet", { code: toWireError(error).code });
      throw denials.notOpen(this.#why);
    }
    this.#last = desk.write((tx) => {
      applyView(tx, view);
      const found = reconcile(tx, view);
      if (isBooked) bookDifference(tx, found);
      const last = isBooked ? reconcile(tx, view) : found;
      takeOver(tx, last);
      return last;
    });
    this.#why = null;
    this.#isMixing = view.coinjoin !== null;
    metrics.reconciled(this.#last);
  }

  /** How many were tried. */
  async #payAll(): Promise<number> {
    const { desk } = this.#parts;
    const { stopped, halted } = this.row;
    if (stopped !== null || (halted ?? null) !== null) return 0;
    const due = desk.read((t) => payable(t, "chain"));
    for (const order of due) await this.#pay(order);
    return due.length;
  }

  /** Those that are under way are seen to also while nothing is paid: what they come to is told, and none is begun. */
  async #mixAll(): Promise<{ readonly steps: number; readonly failed: number }> {
    const { desk, log } = this.#parts;
    const { stopped, halted } = this.row;
    const isStopped = stopped !== null || (halted ?? null) !== null;
    const due = desk.read((t) => payable(t, "coinjoin"));
    let failed = 0;
    for (const order of due) {
      try {
        if (!this.#isDropped(order)) await this.#mixing.advance(order, this.#needGrant(), isStopped);
      } catch (error) {
        failed += 1;
        const { code } = toWireError(error);
        log.debug("a coinjoin of the bank waits", { order: order.id, code });
        // Whoever does not answer for the oldest would keep each of the others waiting as long.
        if (HANGS.has(code)) break;
      }
    }
    return { steps: due.length, failed };
  }

  /** Given back before anything is asked for it. Of an executing one nobody but walletd knows whether it is signed. */
  #isDropped(order: OrderRow): boolean {
    if (order.state !== "confirmed") return false;
    const failure = this.#whyDropped(order);
    if (failure === undefined) return false;
    this.#parts.desk.write((tx) => payoutFailed(tx, order, failure));
    return true;
  }

  #whyDropped({ userId, confirmedAtS }: OrderRow): NonNullable<OrderRow["failure"]> | undefined {
    const { desk } = this.#parts;
    // What he has paid it with may be gone from the chain, or it is a thief who pays.
    if (desk.read((t) => t.users.get(userId))?.state === "frozen")
      return { code: "LEDGER_FROZEN", message: "The account was frozen before it was paid." };
    if ((confirmedAtS ?? 0) + STALE_S > desk.nowS) return undefined;
    return { code: "LEDGER_NOT_OPEN", message: "The wallet could not be asked for an hour." };
  }

  async #pay(order: OrderRow): Promise<void> {
    const { desk, config, log, metrics } = this.#parts;
    const grant = this.#needGrant();
    const { id, amountSat, to, feeSatMax } = order;
    if (this.#isDropped(order)) return;
    const begun = desk.write((tx) => payoutBegun(tx, order));
    try {
      const paid = await this.#walletd.payOut({
        ...{ grant, order: id, address: to.address ?? "", amountSat, feeSatMax, blocks: config.fee_blocks },
      });
      desk.write((tx) => payoutPaid(tx, begun, paid));
      metrics.paid("sent");
    } catch (error) {
      const { code, message } = toWireError(error);
      log.warn("a payment was not made", { order: id, code });
      if (DEFINITE.has(code)) {
        desk.write((tx) => payoutFailed(tx, begun, { code, message: message.slice(0, 280) }));
        metrics.paid("failed");
        return;
      }
      // walletd knows that it paid this order, so long ago that it knows no more.
      if (code === "BUS_CONFLICT") {
        desk.write((tx) => payoutLost(tx, begun));
        return;
      }
      throw error;
    }
  }

  /** A grant that is to be given up may have ended by itself. */
  #isGone(): void {
    this.#parts.log.debug("the bank's old grant had ended already");
  }
}

/** No block is so high: nothing is told that is not asked for. */
const ABOVE_ALL = 100_000_000;

/** Neither over nor sent, as far as the books know. */
export function isMixed({ route, state, isLost }: OrderRow): boolean {
  return route === "coinjoin" && (state === "confirmed" || state === "executing") && !isLost;
}

function isUnderWay(order: OrderRow | undefined): boolean {
  return order !== undefined && order.state !== "queued";
}
