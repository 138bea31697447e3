/** Orders that are paid by coinjoins: priced by the market, carried out by the taker with coins that walletd lends, settled by walletd's word. */
import type { Bus, Client } from "../../../bus/bus.ts";
import { type CoinjoinRun, takerContract } from "../../../bus/contracts/taker.ts";
import { fundsOf } from "../../../bus/contracts/walletd/mixable.ts";
import { walletdContract } from "../../../bus/contracts/walletd.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { LedgerConfig } from "../config.ts";
import { type CoinjoinTrouble, denials } from "../denials.ts";
import type { Desk } from "../desk.ts";
import type { LedgerMetrics } from "../metrics.ts";
import { payoutBegun, payoutFailed, payoutGivenUp, payoutLost, payoutPaid } from "../orders/payouts.ts";
import type { CoinjoinRow, OrderRow } from "../store/rows.ts";
import type { BankView } from "./bank-view.ts";

export interface MixingParts {
  readonly bus: Bus;
  readonly log: Log;
  readonly desk: Desk;
  readonly config: LedgerConfig;
  readonly metrics: LedgerMetrics;
}

interface CoinjoinWish {
  readonly address: string;
  readonly amountSat: number;
  readonly makers: number | undefined;
}

interface Failure {
  readonly code: string;
  readonly message: string;
}

/** As long as walletd lends, and a little: then it is looked at whatever the taker says. */
const PATIENCE_S = 3_900;
/** Of a taker that hangs nobody else's payment waits for long. */
const RUN_DEADLINE_MS = 3_000;
const REASON_MAX = 280;
/** What the taker cannot do, in the words of ours. */
const TROUBLES: Readonly<Record<string, CoinjoinTrouble>> = {
  TAKER_FEW_MAKERS: "makers",
  TAKER_TOO_SMALL: "funds",
  TAKER_FEERATE: "price",
  TAKER_NO_MARKET: "market",
  TAKER_NOT_READY: "market",
  TAKER_BUSY: "busy",
  BUS_UNAVAILABLE: "away",
  BUS_DEADLINE: "away",
  BUS_BUSY: "busy",
};
/** It lends nothing for this order, now or later. */
const UNLENDABLE = new Set([
  "WALLETD_BEYOND_GRANT",
  "WALLETD_LIMIT",
  "WALLETD_ADDRESS",
  "WALLETD_DUST",
  "WALLETD_LENDING_OVER",
  "BUS_CONFLICT",
]);

export class Mixing {
  readonly #parts: MixingParts;
  readonly #walletd: Client<typeof walletdContract>;
  readonly #taker: Client<typeof takerContract>;

  constructor(parts: MixingParts) {
    this.#parts = parts;
    this.#walletd = parts.bus.client(walletdContract);
    this.#taker = parts.bus.client(takerContract);
  }

  /** What it will cost, and the most that it may. `coinjoin` is what walletd would lend just now. */
  async price(coinjoin: BankView["coinjoin"], wish: CoinjoinWish): Promise<CoinjoinRow> {
    const { address, amountSat, makers } = wish;
    if (coinjoin === null) throw denials.coinjoin("off");
    if (amountSat > coinjoin.amountSatMax) throw denials.coinjoin("amount");
    const { availableSat, coins } = fundsOf(coinjoin.coinsSat, amountSat);
    if (coins === 0 || availableSat <= amountSat) throw denials.coinjoin("funds");
    const plan = await this.#planned({ address, amountSat, makers, availableSat, coins });
    const most = {
      makerFeesSatMax: Math.min(plan.makerFeesSatMax, coinjoin.makerFeesSatMax),
      miningFeeSatMax: Math.min(
        plan.miningFeeSatMax,
        coinjoin.miningFeeSatMax,
        this.#parts.config.fee_sat_max,
      ),
    };
    const { makerFeesSat, miningFeeSat } = plan;
    if (makerFeesSat > most.makerFeesSatMax || miningFeeSat > most.miningFeeSatMax) {
      throw denials.coinjoin("price");
    }
    return { makers: plan.makers.length, makerFeesSat, miningFeeSat, ...most };
  }

  /**
   * One step of it, if there is one to take. Everything is asked by the order's id, so that after a crash it goes on where it
   * was: the taker has one coinjoin of that name, and walletd lends once.
   */
  async advance(order: OrderRow, grant: string, isStopped: boolean): Promise<void> {
    const { desk, log } = this.#parts;
    if (order.state === "confirmed" && isStopped) return;
    const begun = desk.write((tx) => payoutBegun(tx, order));
    const ending = this.#endingOf(order);
    try {
      const run = await this.#runOf(order.id);
      if (run?.isOver === true) await this.#settle(begun, grant, failureOf(run));
      else if (ending !== undefined) await this.#settle(begun, grant, ending);
      else if (run === undefined && !isStopped) await this.#begin(begun, grant);
    } catch (error) {
      const { code } = toWireError(error);
      log.info("a coinjoin of the bank is asked about again", { order: order.id, code });
      if (ending !== undefined) await this.#settle(begun, grant, ending);
      else throw error;
    }
  }

  /** Why it is to end, whatever the taker says of it. */
  #endingOf({ userId, confirmedAtS }: OrderRow): Failure | undefined {
    const { desk } = this.#parts;
    if (desk.read((t) => t.users.get(userId))?.state === "frozen") return FROZEN;
    return (confirmedAtS ?? 0) + PATIENCE_S <= desk.nowS ? TOO_LATE : undefined;
  }

  /**
   * Gives up what is under way, if it can be: the taker ends it unless it is about to be signed. walletd has the last word, as
   * the taker may be gone or lie: whatever it still does, nothing is signed any more, or what was is paid.
   */
  async giveUp(order: OrderRow, grant: string): Promise<void> {
    const { desk } = this.#parts;
    if (!(await this.#isCalledOff(order.id))) throw denials.orderOver("signed");
    await this.#settle(
      desk.write((tx) => payoutBegun(tx, order)),
      grant,
      null,
    );
  }

  /** False only where it goes on. */
  async #isCalledOff(id: string): Promise<boolean> {
    try {
      const { isCancelled } = await this.#taker.cancel({ id }, { deadlineMs: RUN_DEADLINE_MS, retries: 0 });
      return isCancelled || (await this.#runOf(id))?.isOver !== false;
    } catch (error) {
      const { code } = toWireError(error);
      this.#parts.log.info("the taker did not end a coinjoin of the bank", { order: id, code });
      return true;
    }
  }

  async #planned(wish: CoinjoinWish & { readonly availableSat: number; readonly coins: number }) {
    const { address, makers, ...more } = wish;
    try {
      return await this.#taker.plan({
        ...more,
        ...(makers === undefined ? {} : { makers }),
        destination: address,
        // Until it is confirmed nobody on the market has to hear of it.
        isKept: false,
      });
    } catch (error) {
      const { code, message } = toWireError(error);
      const trouble = TROUBLES[code];
      throw trouble === undefined ? denials.notOpen(message.slice(0, REASON_MAX)) : denials.coinjoin(trouble);
    }
  }

  async #runOf(id: string): Promise<CoinjoinRun | undefined> {
    try {
      return await this.#taker.run({ id }, { deadlineMs: RUN_DEADLINE_MS, retries: 0 });
    } catch (error) {
      if (hasCode(error, "TAKER_NO_SUCH_RUN")) return undefined;
      throw error;
    }
  }

  async #begin(order: OrderRow, grant: string): Promise<void> {
    const { id, amountSat, to, coinjoin } = order;
    const { makers, makerFeesSatMax = 0, miningFeeSatMax = 0 } = coinjoin ?? {};
    const address = to.address ?? "";
    const terms = { amountSat, makerFeesSatMax, miningFeeSatMax };
    let lent: { readonly grant: string; readonly mixdepth: number };
    try {
      lent = await this.#walletd.bankLend({ grant, order: id, address, ...terms });
    } catch (error) {
      const { code } = toWireError(error);
      if (!UNLENDABLE.has(code)) throw error;
      await this.#settle(order, grant, { code, message: WALLET_REFUSED });
      return;
    }
    const { grant: lentGrant, mixdepth } = lent;
    await this.#taker.start({
      ...{ id, grant: lentGrant, mixdepth, destination: address, ...terms },
      ...(makers === undefined ? {} : { makers }),
    });
  }

  /** Ended at walletd first: then nothing of it is signed any more, or all is told that was. Without a failure its payer wanted it. */
  async #settle(order: OrderRow, grant: string, failure: Failure | null): Promise<void> {
    const { desk, log, metrics } = this.#parts;
    const { signed } = await this.#walletd.bankRecall({ grant, order: order.id });
    if (signed === null) {
      if (failure === null) {
        log.info("a coinjoin of the bank was given up", { order: order.id });
        desk.write((tx) => payoutGivenUp(tx, order));
        return;
      }
      log.warn("a coinjoin of the bank came to nothing", { order: order.id, code: failure.code });
      const { code, message } = failure;
      desk.write((tx) => payoutFailed(tx, order, { code, message: message.slice(0, REASON_MAX) }));
      metrics.paid("failed");
      return;
    }
    const { payout } = signed;
    desk.write((tx) => (payout === null ? payoutLost(tx, order) : payoutPaid(tx, order, payout)));
    if (payout !== null) metrics.paid("sent");
  }
}

const WALLET_REFUSED = "The bank's wallet could not lend the coins for it just now.";
const FROZEN: Failure = { code: "LEDGER_FROZEN", message: "The account was frozen before it was signed." };
const TOO_LATE: Failure = {
  code: "LEDGER_COINJOIN",
  message: "The coinjoin did not come about within the hour.",
};

/** Told only where nothing was signed. What the wallet has is nobody's to read of it. */
function failureOf({ failure, progress }: CoinjoinRun): Failure {
  const { code, message } = failure ?? { code: "LEDGER_COINJOIN", message: progress };
  return { code, message: code.startsWith("WALLETD_") ? WALLET_REFUSED : message };
}
