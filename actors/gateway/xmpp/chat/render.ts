/** Outcomes of commands as texts of a chat. */
import type { LedgerOrder } from "../../../../bus/contracts/ledger/objects.ts";
import type { Asking, Outcome } from "../commands/command.ts";
import { partyText, quotable } from "../commands/party.ts";
import type { CommandWord } from "../language/catalogue.ts";
import { money } from "../language/money.ts";

/** Some clients cut what is longer. */
const TEXT_MAX = 2_000;
const MESSAGES_MAX = 5;
const MINUTE_S = 60;
/** Below this share of what there was the recap warns. */
const LOW_SHARE = 10;

export function chatText(outcome: Outcome, word: CommandWord, asking: Asking): string {
  const { texts } = asking;
  switch (outcome.kind) {
    case "text":
    case "problem":
    case "again":
      return outcome.text;
    case "order":
      return orderText(outcome.order, outcome.note, asking);
    case "table": {
      const more =
        outcome.nextPage === undefined ? [] : [texts.more(`${texts.words[word]} ${outcome.nextPage}`)];
      return [outcome.title, ...outcome.lines, ...more].join("\n");
    }
    case "file":
      return fileText(outcome, asking);
    case "payment": {
      const lines = [texts.receive(outcome.address), texts.payHere(outcome.uri)];
      if (outcome.explorerUrl !== undefined) lines.push(texts.explorer(outcome.explorerUrl));
      return lines.join("\n");
    }
  }
}

/** By a link where there is a door for it, otherwise the file itself, if it is short. */
export function fileText(
  { text, file }: Extract<Outcome, { kind: "file" }>,
  { web, jid, texts }: Asking,
): string {
  if (web !== undefined) return `${text}\n${texts.fetchOnce(web.offer(jid, file))}`;
  const isShort = file.content.length <= (MESSAGES_MAX - 1) * TEXT_MAX;
  return isShort ? `${text}\n${file.content.trimEnd()}` : texts.exportTooLong;
}

/** All that a person needs to judge a payment before it is made. */
export function recapLines(order: LedgerOrder, { texts, unit, space }: Asking): string[] {
  const lines = [texts.recap(money(order.amountSat, unit), partyText(order.to))];
  if (order.to.address !== null) lines.push(texts.recapNetwork(space.network.name));
  if (order.memo !== "") lines.push(texts.recapMemo(quotable(order.memo)));
  lines.push(...costLines(order, { texts, unit }));
  lines.push(texts.recapRemaining(money(order.remainingSat, unit)));
  const before = order.remainingSat + order.amountSat + order.feeSat;
  if (order.remainingSat * LOW_SHARE < before) lines.push(texts.lowBalance(money(order.remainingSat, unit)));
  if (order.needsSecondFactor) lines.push(texts.recapFactor);
  return lines;
}

function costLines(
  { route, amountSat, feeSat, feeSatMax, coinjoin }: LedgerOrder,
  { texts, unit }: Pick<Asking, "texts" | "unit">,
): string[] {
  if (route === "internal") return [texts.recapFeeInternal];
  const fee = money(feeSat, unit);
  const most = money(feeSatMax, unit);
  if (coinjoin === null) return [texts.recapFee(fee, most)];
  const { makers, makerFeesSat, makerFeesSatMax, miningFeeSat, miningFeeSatMax } = coinjoin;
  const percent = ((feeSatMax * 100) / amountSat).toFixed(2);
  return [
    texts.recapMix(makers),
    texts.recapMixFee(fee, most, percent),
    texts.recapMixShares(
      `${money(makerFeesSat, unit)} (${money(makerFeesSatMax, unit)})`,
      `${money(miningFeeSat, unit)} (${money(miningFeeSatMax, unit)})`,
    ),
  ];
}

function orderText(order: LedgerOrder, note: string | undefined, asking: Asking): string {
  const { texts, nowMs } = asking;
  const minutes = Math.max(1, Math.round((order.expiresAtS - nowMs / 1_000) / MINUTE_S));
  return [
    ...(note === undefined ? [] : [note]),
    ...recapLines(order, asking),
    texts.confirmWith(`${texts.words.confirm} ${order.code ?? ""}`, minutes),
  ].join("\n");
}

/** As many messages as it takes, none too long. */
export function asMessages(whole: string): string[] {
  const messages: string[] = [];
  let current = "";
  for (const line of whole.split("\n").flatMap(cutLine)) {
    const joined = current === "" ? line : `${current}\n${line}`;
    if (joined.length <= TEXT_MAX) {
      current = joined;
      continue;
    }
    messages.push(current);
    current = line;
  }
  return [...messages, current].slice(0, MESSAGES_MAX);
}

function cutLine(line: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < line.length || at === 0; at += TEXT_MAX) pieces.push(line.slice(at, at + TEXT_MAX));
  return pieces;
}
