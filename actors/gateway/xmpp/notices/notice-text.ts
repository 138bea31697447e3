/** What a notice says, in its reader's language and unit. */
import type { LedgerNotice } from "../../../../bus/contracts/ledger/objects.ts";
import { dateText } from "../commands/command.ts";
import { inFours, partyText, quotable } from "../commands/party.ts";
import type { Texts } from "../language/catalogue.ts";
import { money } from "../language/money.ts";
import { textsOf } from "../language/texts.ts";

const TXID_SHOWN = 16;

/** Which of the limits' news it is. */
const LIMIT_TEXTS: Readonly<Record<string, (said: Texts["notice"]) => string>> = {
  reached: ({ limitReached }) => limitReached,
  raise: ({ limitRaise }) => limitRaise,
};

/** What somebody else is told an admin reads as that. */
export function noticeText(notice: LedgerNotice): string {
  const { about, language, kind } = notice;
  const { notice: said } = textsOf(language);
  if (about === null) return textOf(notice);
  const name = partyText(about);
  return kind === "account.waiting" ? said.waitsForYou(name) : said.about(name, textOf(notice));
}

function textOf(notice: LedgerNotice): string {
  const texts = textsOf(notice.language);
  const said = texts.notice;
  const amount = money(Math.abs(notice.amountSat ?? 0), notice.unit);
  const fee = money(notice.feeSat ?? 0, notice.unit);
  const balance = money(notice.balanceSat ?? 0, notice.unit);
  const words = quotable(notice.text);
  const txid = notice.txid === null ? "" : `${notice.txid.slice(0, TXID_SHOWN)}…`;
  const order = notice.order ?? "";
  const who = partyText(notice.counterpart) || (notice.address === null ? "" : inFours(notice.address));
  switch (notice.kind) {
    case "deposit.seen":
      return said.depositSeen(amount, words, txid, notice.isReplaceable === true);
    case "deposit.replaced":
      return said.depositReplaced(amount, txid);
    case "deposit.confirmed":
      return said.depositConfirmed(amount, notice.confirmations ?? 1);
    case "deposit.credited":
      return said.depositCredited(amount, balance);
    case "deposit.vanished":
      return said.depositVanished(amount, txid);
    case "deposit.reversed":
      return said.depositReversed(amount, txid, balance);
    case "payment.received":
      return said.paymentReceived(amount, who, words, balance);
    case "order.executed":
      return said.orderExecuted(order, amount, who);
    case "order.broadcast":
      return said.orderBroadcast(order, amount, fee, notice.txid ?? "");
    case "order.confirmed":
      return said.orderConfirmed(order, amount, notice.txid ?? "");
    case "order.failed":
      return said.orderFailed(order, amount, words);
    case "order.expired":
      return said.orderExpired(order, amount);
    case "order.lost":
      return said.orderLost(order, amount);
    case "balance.low":
      return said.balanceLow(balance);
    case "account.approved":
      return said.approved;
    case "account.waiting":
      return said.waiting;
    case "account.frozen":
      return said.frozen(words);
    case "account.unfrozen":
      return said.unfrozen;
    case "account.verify":
      return said.verify;
    case "account.closed":
      return said.closed;
    case "security.codes":
      return said.wrongCodes;
    case "security.factor":
      return said.factor;
    case "security.limit":
      return LIMIT_TEXTS[notice.text]?.(said) ?? said.limitChanged;
    case "security.resource":
      return said.resource(words);
    case "bank.stopped":
      return said.bankStopped(words);
    case "bank.resumed":
      return said.bankResumed;
    case "announcement":
      return said.announcement(words);
    case "maker.earned":
      return texts.coinjoin.served(
        words,
        amount,
        money(notice.earnedSat ?? 0, notice.unit),
        notice.txid ?? "",
      );
    case "digest":
      return digestText(notice, texts);
  }
}

/** One line for each kind of news, and what there is now. */
function digestText({ digest, unit, balanceSat }: LedgerNotice, { digest: said }: Texts): string {
  const parts: Readonly<Partial<Record<LedgerNotice["kind"], PartText>>> = said.parts;
  const lines = (digest?.parts ?? []).flatMap(({ kind, count, sumSat, feesSat, gainSat }) => {
    const isEarned = kind === "maker.earned";
    const many = isEarned ? said.coinjoins(count) : said.payments(count);
    const more = money(isEarned ? gainSat : feesSat, unit);
    return parts[kind]?.(many, money(Math.abs(sumSat), unit), more) ?? [];
  });
  const title = said.title(dateText(digest?.sinceS ?? 0));
  return [title, ...lines, said.balance(money(balanceSat ?? 0, unit))].join("\n");
}

type PartText = (many: string, sum: string, more: string) => string;
