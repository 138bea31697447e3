/** Commands that pay: queue, confirm, give up, list. Whether a payment may be made is the ledger's to say. */
import { type LedgerOrder, UNITS } from "../../../../bus/contracts/ledger/objects.ts";
import { MEMO_MAX, type PartyWord } from "../../../../bus/contracts/ledger/values.ts";
import { hasCode } from "../../../../runtime/errors.ts";
import { type AmountReading, readAmount, unitOf } from "../chat/amount.ts";
import { isPaymentLink, readPaymentLink } from "../chat/payment-link.ts";
import { money } from "../language/money.ts";
import {
  type Asking,
  atGateway,
  type Command,
  choiceField,
  everywhere,
  type Field,
  given,
  inOrder,
  type Outcome,
  text,
  type Values,
} from "./command.ts";
import { partyOfEntity, partyOfText, partyText, quotable } from "./party.ts";

const ORDERS_MAX = 50;

const pay: Command = {
  word: "pay",
  access: "user",
  isMutating: true,
  isFor: everywhere,
  fields({ texts, unit, to }): readonly Field[] {
    return [
      ...(atGateway(to)
        ? [{ name: "to", label: texts.field.to, kind: "text", isRequired: true } as const]
        : []),
      { name: "amount", label: texts.field.amount, kind: "text", isRequired: true },
      choiceField("unit", texts.field.unit, UNITS, unit, (one) => texts.unitNames[one]),
      { name: "memo", label: texts.field.memo, kind: "text", isRequired: false },
    ];
  },
  read(words, { to, texts }) {
    const values = new Map<string, string>();
    const rest = [...words];
    if (atGateway(to)) {
      const who = rest.shift();
      if (who !== undefined) values.set("to", who);
    }
    values.set("again", isAgain(rest, texts) ? "1" : "");
    const amount = amountWords(rest);
    const unit = rest[0] === undefined ? undefined : unitOf(rest[0]);
    if (unit !== undefined) rest.shift();
    if (amount !== undefined) values.set("amount", amount);
    else if (isPaymentLink(values.get("to") ?? "") && /[?&]amount=/i.test(values.get("to") ?? ""))
      values.set("amount", "");
    // What is not said in a chat is not asked for.
    if (unit !== undefined) values.set("unit", unit);
    if (values.has("amount")) values.set("memo", rest.join(" "));
    return values;
  },
  run: (asking, values) => payNow(asking, values),
};

/** Whether it is meant once more, which the last word says: that one is taken away. */
export function isAgain(words: string[], { again }: Asking["texts"]): boolean {
  const isRepeat = words.length > 1 && [again, "again"].includes(words.at(-1)?.toLowerCase() ?? "");
  if (isRepeat) words.pop();
  return isRepeat;
}

/** The first of them; with those after it, where digits stand in groups of three. */
export function amountWords(words: string[]): string | undefined {
  const first = words.shift();
  if (first === undefined || !/^\d{1,3}$/.test(first)) return first;
  const others = words.findIndex((word) => !/^\d{3}(?:[.,]\d{1,8})?$/.test(word));
  const groups = words.splice(0, others < 0 ? words.length : others);
  const [next] = words;
  // A thousand, or one and a memo that begins with digits? Then it is read as no amount, and asked for.
  if (groups.length > 0 && next !== undefined && unitOf(next) === undefined) groups.push(...words.splice(0));
  return [first, ...groups].join(" ");
}

async function payNow(asking: Asking, values: Values): Promise<Outcome> {
  const { bank, jid, texts, to, space, requestId } = asking;
  const typed = given(values, "to");
  const link = isPaymentLink(typed) ? readPaymentLink(typed, (address) => space.address(address)) : undefined;
  if (link !== undefined && "problem" in link)
    return { kind: "again", field: "to", text: texts.badLink(texts.linkWhy[link.problem]) };
  const party = partyOfEntity(to) ?? partyOfText(typed, space);
  if (party === undefined) return { kind: "again", field: "to", text: texts.refusal.recipient };
  const amount = amountOf(asking, values, link?.amountSat);
  if (typeof amount !== "number") return amount;
  const memo = quotable(given(values, "memo") || link?.message || link?.label || "").slice(0, MEMO_MAX);
  const order = await bank.order({
    jid,
    to: party,
    amountSat: amount,
    memo,
    isMeant: given(values, "again") !== "",
    ...(requestId === undefined ? {} : { request: requestId }),
  });
  return { kind: "order", order };
}

/** What both a person and his link say has to be the same. */
export function amountOf(
  { texts, unit }: Pick<Asking, "texts" | "unit">,
  values: Values,
  linkSat: number | undefined,
): number | Outcome {
  const typed = given(values, "amount");
  if (typed === "" && linkSat !== undefined) return linkSat;
  const read = readAmount(typed, unitOf(given(values, "unit")) ?? unit);
  if ("problem" in read) return { kind: "again", field: "amount", text: amountProblem(read, typed, texts) };
  if (linkSat !== undefined && linkSat !== read.sat) {
    return { kind: "again", field: "amount", text: texts.badLink(texts.linkWhy.differs) };
  }
  return read.sat;
}

function amountProblem(
  read: Exclude<AmountReading, { sat: number }>,
  typed: string,
  texts: Asking["texts"],
): string {
  const shown = quotable(typed).slice(0, 40);
  if (read.problem === "zero") return texts.zeroAmount;
  return read.problem === "thousands" ? texts.thousands(shown) : texts.badAmount(shown);
}

const orders: Command = {
  word: "orders",
  access: "user",
  isMutating: false,
  isFor: everywhere,
  fields: () => [],
  // In a form they are had at the chat of whoever is paid.
  read: (words) => inOrder(words, ["who"]),
  run: (asking, values) => openOrders(asking, given(values, "who")),
};

/** All at the gateway, or of whom is named; in the chat of somebody who can be paid only his. */
async function openOrders(asking: Asking, who = ""): Promise<Outcome> {
  const { texts, to, unit, space } = asking;
  const party = partyOfEntity(to) ?? (who === "" ? undefined : partyOfText(who, space));
  if (who !== "" && party === undefined)
    return { kind: "again", field: "who", text: texts.refusal.recipient };
  const here = await ordersTo(asking, party);
  if (here.length === 0) return text(party === undefined ? texts.noOrders : texts.noOrdersHere);
  return {
    kind: "table",
    title: party === undefined ? texts.ordersHead : texts.ordersHeadHere,
    columns: (["code", "amount", "recipient", "memo", "state"] as const).map((name) => ({
      name,
      label: texts.column[name],
    })),
    rows: here.map((order) => ({
      code: order.code ?? "",
      amount: money(order.amountSat, unit),
      recipient: partyText(order.to),
      memo: quotable(order.memo),
      state: order.state,
    })),
    lines: here.map((order) =>
      texts.orderLine(
        order.code ?? order.state,
        money(order.amountSat, unit),
        partyText(order.to),
        quotable(order.memo),
      ),
    ),
    nextPage: undefined,
  };
}

async function ordersTo({ bank, jid }: Asking, party: PartyWord | undefined): Promise<LedgerOrder[]> {
  const wish = party === undefined ? {} : { with: party };
  const { orders: found } = await bank.orders({ jid, limit: ORDERS_MAX, ...wish });
  return found;
}

const confirm: Command = {
  word: "confirm",
  access: "user",
  isMutating: true,
  isFor: everywhere,
  fields: ({ texts }) => [
    { name: "code", label: texts.field.code, kind: "text", isRequired: true },
    { name: "otp", label: texts.field.oneTimeCode, kind: "secret", isRequired: false },
  ],
  // Without a code it lists.
  read: (words) => new Map([["code", ""], ["otp", ""], ...inOrder(words, ["code", "otp"])]),
  async run(asking, values): Promise<Outcome> {
    const code = given(values, "code").slice(0, 32);
    if (code === "") return openOrders(asking);
    return confirmOrder(asking, { code }, given(values, "otp"));
  },
};

/** By its code, or by itself where a form was confirmed. */
export async function confirmOrder(
  asking: Asking,
  which: { readonly code: string } | { readonly order: string },
  oneTimeCode: string,
): Promise<Outcome> {
  const { bank, jid, texts, toldByAnswer, client } = asking;
  const wish = {
    jid,
    which,
    ...(oneTimeCode === "" ? {} : { oneTimeCode: oneTimeCode.slice(0, 32) }),
    ...(client === undefined ? {} : { client }),
  };
  try {
    const order = await toldByAnswer.answering(jid, () => bank.confirm(wish));
    return confirmedText(order, asking);
  } catch (error) {
    if (!hasCode(error, "LEDGER_REQUOTED")) throw error;
    const { order } = (error as unknown as { data: { order: LedgerOrder } }).data;
    return { kind: "order", order, note: texts.requoted };
  }
}

function confirmedText(order: LedgerOrder, { texts, unit }: Asking): Outcome {
  const amount = money(order.amountSat, unit);
  if (order.state === "failed")
    return { kind: "problem", text: texts.paymentFailed(order.failure?.message ?? "") };
  const lines = [
    order.route === "internal" && order.state === "done"
      ? texts.paidInternally(amount, partyText(order.to))
      : order.txid === null
        ? order.route === "coinjoin"
          ? texts.mixOnItsWay(amount, `${texts.words.cancel} ${order.order}`)
          : texts.onItsWay(amount)
        : texts.paidOnChain(amount, order.txid),
    texts.orderNumber(order.order),
  ];
  return text(lines.join("\n"));
}

const ORDER_ID = /^[0-9a-f]{16}$/i;

const cancel: Command = {
  word: "cancel",
  access: "user",
  isMutating: true,
  isFor: everywhere,
  fields: ({ texts }) => [{ name: "code", label: texts.field.code, kind: "text", isRequired: true }],
  read: (words) => new Map([["code", ""], ...inOrder(words, ["code"])]),
  async run(asking, values): Promise<Outcome> {
    const { bank, jid, texts, to, unit } = asking;
    const code = given(values, "code").slice(0, 32);
    if (code === "") return openOrders(asking);
    const party = partyOfEntity(to);
    // Only the ledger knows whom a name or a JID means.
    const here = party === undefined ? undefined : await ordersTo(asking, party);
    // One that is under way is named by its id, when its code is too old to be known.
    const which = ORDER_ID.test(code) ? { order: code.toLowerCase() } : { code };
    const order = await bank.cancel({ jid, which });
    const lines = [texts.cancelled(money(order.amountSat, unit), partyText(order.to))];
    if (here?.every((one) => one.order !== order.order)) lines.push(texts.cancelledElsewhere);
    return text(lines.join("\n"));
  },
};

export const PAYMENT_COMMANDS: readonly Command[] = [pay, orders, confirm, cancel];
