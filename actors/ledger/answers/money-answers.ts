/** Answers about money: prices, orders, history, notices, and how the bank is. */
import type { Handlers } from "../../../bus/bus.ts";
import type { LedgerQuote, LedgerStatus } from "../../../bus/contracts/ledger/objects.ts";
import type { PartyWord } from "../../../bus/contracts/ledger/values.ts";
import type { ledgerContract } from "../../../bus/contracts/ledger.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { isMixed } from "../bank/bank.ts";
import { availableOf, balanceOf } from "../books/entries.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import type { Desk } from "../desk.ts";
import { acknowledge, dueNotices } from "../notices/notices.ts";
import { confirm, feeMaxOf } from "../orders/confirming.ts";
import {
  cancel,
  checkPayable,
  orderById,
  orderByWord,
  orderOfRequest,
  type Price,
  queue,
} from "../orders/orders.ts";
import type { Outcome } from "../orders/outcome.ts";
import { canonical, coinjoinRecipient, type Recipient, recipientOf } from "../orders/recipients.ts";
import { knowClient } from "../people/clients.ts";
import { foldJid } from "../people/jids.ts";
import { limitsOf, tellReached } from "../people/limits.ts";
import { foldName } from "../people/names.ts";
import { close, emptinessOf, needStanding, needUser } from "../people/people.ts";
import type { OrderRow, PartyRow, UserRow } from "../store/rows.ts";
import { ofFirst, ofFirstDown } from "../store/store.ts";
import { type AnswerDesk, changing, judging, looking } from "./answer-desk.ts";
import { shownMovement, shownNotice, shownOrder, shownParty } from "./shown.ts";

type MoneyMethods =
  | "quote"
  | "order"
  | "mix"
  | "payerOf"
  | "confirm"
  | "cancel"
  | "orders"
  | "orderOf"
  | "leave"
  | "history"
  | "notices"
  | "acknowledge"
  | "status";

interface PayWish {
  readonly jid: string;
  readonly to: PartyWord;
  readonly amountSat: number | null;
  readonly isLeaving?: boolean;
}

/** So long a confirmation waits for what becomes of the payment. */
const OUTCOME_MS = 8_000;

export function moneyAnswers(answers: AnswerDesk): Pick<Handlers<typeof ledgerContract>, MoneyMethods> {
  const { desk, bank } = answers;
  const priced = (wish: PayWish) => priceOf(answers, wish);
  /** For whom the market is asked just now: it takes long, and few are asked for at once. */
  const pricing = new Set<string>();
  return {
    async quote({ jid, to, amountSat }) {
      const wish = await priced({ jid, to, amountSat });
      return looking(desk, jid, (tx, user) => {
        checkPayable(tx, user, wish);
        return shownQuote(tx, user, wish);
      });
    },
    async order({ jid, to, amountSat, memo, request, isMeant }) {
      const known = looking(desk, jid, (tx, user) => {
        const order = orderOfRequest(tx, user, request);
        return order === undefined ? undefined : shownOrder(tx, user, order);
      });
      if (known !== undefined) return known;
      const wish = await priced({ jid, to, amountSat });
      return withinLimits(desk, jid, () =>
        changing(desk, jid, (tx, user) =>
          shownOrder(tx, user, queue(tx, user, { ...wish, memo, request, isMeant, isLeaving: false })),
        ),
      );
    },
    async mix({ jid, address, amountSat, makers, memo, request, isMeant }) {
      const known = looking(desk, jid, (tx, user) => {
        const order = orderOfRequest(tx, user, request);
        return order === undefined ? undefined : shownOrder(tx, user, order);
      });
      if (known !== undefined) return known;
      // All that can be said without the market is said before it is asked.
      const free = { feeSat: 0, feeSatMax: 0 };
      const recipient = withinLimits(desk, jid, () =>
        looking(desk, jid, (tx, user) => {
          const found = coinjoinRecipient(tx, user, address);
          checkPayable(tx, user, { ...found, amountSat, ...free });
          return found;
        }),
      );
      const coinjoin = await oneAtATime(pricing, foldJid(jid), () =>
        bank.quoteCoinjoin(recipient.to.address ?? "", amountSat, makers),
      );
      const feeSat = coinjoin.makerFeesSat + coinjoin.miningFeeSat;
      const feeSatMax = coinjoin.makerFeesSatMax + coinjoin.miningFeeSatMax;
      const wish = { ...recipient, amountSat, feeSat, feeSatMax, coinjoin };
      return withinLimits(desk, jid, () =>
        changing(desk, jid, (tx, user) =>
          shownOrder(tx, user, queue(tx, user, { ...wish, memo, request, isMeant, isLeaving: false })),
        ),
      );
    },
    payerOf: ({ order: id }) =>
      desk.read((t) => {
        const order = t.openOrders.get(id) === undefined ? undefined : t.orders.get(id);
        const jid = order?.route === "coinjoin" ? t.users.get(order.userId)?.jids[0] : undefined;
        return { jid: jid ?? null };
      }),
    async confirm({ jid, which, oneTimeCode, client }) {
      const order = judging(desk, jid, (tx, user) => orderByWord(tx, user, which));
      const isPriced = order.state === "queued" && order.route === "chain" && order.expiresAtS > desk.nowS;
      const feeSatNow = isPriced ? await bank.quote(order.to.address ?? "", order.amountSat) : null;
      const confirmed = withinLimits(desk, jid, () =>
        judging(desk, jid, (tx, user): Outcome<OrderRow> => {
          // Whatever has become of it meanwhile.
          const now = orderById(tx.t, user, order.id);
          const outcome = confirm(tx, user, now, { jid, oneTimeCode, feeSatNow });
          if ("value" in outcome && now.state === "queued" && client !== undefined)
            knowClient(tx, needUser(tx.t, user.id), client);
          return outcome;
        }),
      );
      if (confirmed.state === "confirmed") await bank.carryOut(OUTCOME_MS);
      return desk.look((tx) => {
        const user = tx.t.users.get(order.userId) as UserRow;
        return shownOrder(tx, user, orderById(tx.t, user, order.id));
      });
    },
    async cancel({ jid, which }) {
      const giveUp = (tx: Tx, user: UserRow, order: OrderRow) => shownOrder(tx, user, cancel(tx, order));
      const { order, shown } = judging(desk, jid, (tx, user) => {
        const found = orderByWord(tx, user, which);
        if ("refusal" in found) return found;
        const { value: order } = found;
        return { value: { order, shown: isMixed(order) ? undefined : giveUp(tx, user, order) } };
      });
      if (shown !== undefined) return shown;
      await bank.giveUp(order.id);
      // Whatever has become of it: what was paid meanwhile is refused as that.
      return changing(desk, jid, (tx, user) => giveUp(tx, user, orderById(tx.t, user, order.id)));
    },
    orders: ({ jid, offset, limit, isAll, with: other }) =>
      looking(desk, jid, (tx, user) => {
        const { t } = tx;
        const isWanted = other === undefined ? () => true : partyTest(tx, other);
        const all = isAll ? t.userOrders : t.userOpenOrders;
        const rows = all
          .values(ofFirstDown(user.id))
          .flatMap((id) => t.orders.get(id) ?? [])
          .filter((row) => isAll || row.state !== "queued" || row.expiresAtS > tx.nowS)
          .filter(({ to }) => isWanted(to));
        return {
          total: rows.length,
          orders: rows.slice(offset, offset + limit).map((row) => shownOrder(tx, user, row)),
        };
      }),
    orderOf: ({ jid, order }) =>
      looking(desk, jid, (tx, user) => shownOrder(tx, user, orderById(tx.t, user, order))),
    async leave({ jid, address }) {
      const left = looking(desk, jid, ({ t }, user) => emptinessOf(t, user));
      if (left.availableSat === 0 || address === undefined) {
        changing(desk, jid, (tx, user) => close(tx, user));
        return { order: null, isClosed: true };
      }
      if (left.heldSat > 0 || left.pendingSat > 0 || left.openOrders > 0) throw denials.notEmpty(left);
      const wish = await priced({ jid, to: { address }, amountSat: null, isLeaving: true });
      const more = { memo: "", request: undefined, isMeant: true, isLeaving: true };
      const order = changing(desk, jid, (tx, user) =>
        shownOrder(tx, user, queue(tx, user, { ...wish, ...more })),
      );
      return { order, isClosed: false };
    },
    history: ({ jid, offset, limit, with: other }) =>
      looking(desk, jid, (tx, user) => {
        const { t } = tx;
        if (other === undefined) {
          const rows = t.movements.values({ ...ofFirstDown(user.id), offset, limit });
          const total = t.movements.count(ofFirst(user.id));
          return { total, movements: rows.map((row) => shownMovement(t, row)) };
        }
        const isWanted = partyTest(tx, other);
        // Of what came in, by its own address that was paid too.
        const rows = t.movements
          .values(ofFirstDown(user.id))
          .filter(
            ({ counterpart, address }) =>
              isWanted(counterpart) || (address !== null && isWanted({ userId: null, address })),
          );
        return {
          total: rows.length,
          movements: rows.slice(offset, offset + limit).map((row) => shownMovement(t, row)),
        };
      }),
    notices: ({ after, limit }) =>
      desk.look(({ t, nowS }) => {
        const { due, isMore } = dueNotices(t, nowS, after, limit);
        return { notices: due.map((row) => shownNotice(t, row)), isMore };
      }),
    acknowledge: ({ ids }) =>
      desk.write((tx) => {
        acknowledge(tx, ids);
        return {};
      }),
    status: () => bankStatus(answers),
  };
}

export function bankStatus({ desk, bank }: AnswerDesk): LedgerStatus {
  const { wallet, grantId, tip, halted = null, stopped } = bank.row;
  const { why } = bank;
  return desk.look(({ t, rules }) => ({
    mode: rules.mode,
    wallet,
    grantId,
    isConnected: why === null,
    isSpending: why === null && halted === null && stopped === null,
    isMixing: bank.isMixing,
    why: halted ?? why ?? stopped,
    tip,
    confirmations: rules.confirmations,
    registration: rules.registration,
    users: t.users.count(),
    openOrders: t.openOrders.count(),
    limits: { paymentSat: rules.payment_sat_max, daySat: rules.day_sat_max, strongSat: rules.strong_sat },
  }));
}

/** Or one person would have all places, and the others wait for him. */
async function oneAtATime<T>(busy: Set<string>, jid: string, work: () => Promise<T>): Promise<T> {
  if (busy.has(jid)) throw denials.coinjoin("busy");
  busy.add(jid);
  try {
    return await work();
  } finally {
    busy.delete(jid);
  }
}

/** That somebody wants more than he may is told to him, and the refusal stays. */
function withinLimits<T>(desk: Desk, jid: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (hasCode(error, "LEDGER_LIMIT")) changing(desk, jid, tellReached);
    throw error;
  }
}

/** Whom it pays, and for what fee: asks walletd where a transaction is needed. */
async function priceOf(
  { desk, bank }: AnswerDesk,
  { jid, to, amountSat, isLeaving = false }: PayWish,
): Promise<Recipient & Price> {
  const { recipient, availableSat } = looking(desk, jid, (tx, user) => {
    needStanding(tx, user);
    return { recipient: recipientOf(tx, user, to), availableSat: balanceOf(tx.t, availableOf(user.id)) };
  });
  if (recipient.route === "internal" || recipient.to.address === null) {
    return { ...recipient, amountSat: amountSat ?? Math.max(1, availableSat), feeSat: 0, feeSatMax: 0 };
  }
  if (amountSat !== null) {
    if (amountSat > availableSat) throw denials.funds(availableSat, amountSat);
    const feeSat = await bank.quote(recipient.to.address, amountSat);
    return { ...recipient, amountSat, feeSat, feeSatMax: feeMaxOf(feeSat) };
  }
  const { address } = recipient.to;
  return { ...recipient, ...(await priceOfAll(bank, address, availableSat, isLeaving)) };
}

/** More takes more of the wallet's coins, and costs more: asked for until what is left can be paid for what is kept for it. */
async function priceOfAll(
  bank: AnswerDesk["bank"],
  address: string,
  availableSat: number,
  isLeaving: boolean,
): Promise<Price> {
  const halfSat = feeMaxOf(await bank.quote(address, Math.max(1, Math.ceil(availableSat / 2))));
  let feeSatMax = halfSat;
  // Twice as much takes hardly more than twice the coins: beyond that it is no price.
  while (feeSatMax <= 3 * halfSat) {
    const amountSat = availableSat - feeSatMax;
    if (amountSat < 1) throw denials.funds(availableSat, feeSatMax + 1);
    const feeSat = await bank.quoteIfThere(address, amountSat);
    if (feeSat !== undefined && feeSat <= feeSatMax)
      return { amountSat, feeSat: isLeaving ? feeSatMax : feeSat, feeSatMax };
    // With nearly all of the wallet's coins only more for the fee, and less for him, can be paid.
    feeSatMax = feeSat === undefined ? Math.ceil(1.25 * feeSatMax) + 1 : feeMaxOf(feeSat);
  }
  throw denials.notOpen("its wallet has not so many coins that can be spent just now");
}

function shownQuote(tx: Tx, user: UserRow, wish: Recipient & Price): LedgerQuote {
  const { route, to, amountSat, feeSat, feeSatMax } = wish;
  return {
    route,
    to: shownParty(tx.t, to),
    amountSat,
    feeSat,
    feeSatMax,
    remainingSat: balanceOf(tx.t, availableOf(user.id)) - amountSat - feeSat,
    needsSecondFactor: amountSat >= limitsOf(tx, user).strongSat,
  };
}

/** Whether a party is the one that a word means. Of an address that is none nothing is. */
function partyTest(tx: Tx, word: PartyWord): (party: PartyRow | null) => boolean {
  if ("address" in word) {
    const typed = addressOr(tx, word.address);
    return (party) => party?.address === typed;
  }
  // A name that was given up still tells of what was between the two.
  const userId =
    "username" in word ? tx.t.names.get(foldName(word.username))?.userId : tx.t.jids.get(foldJid(word.jid));
  return (party) => userId !== undefined && party?.userId === userId && party.address === null;
}

function addressOr({ network }: Tx, typed: string): string {
  try {
    return canonical(typed, network);
  } catch (error) {
    if (!hasCode(error, "LEDGER_ADDRESS")) throw error;
    return typed;
  }
}
