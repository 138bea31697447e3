/** The command that pays an address outside by a coinjoin, so that nobody sees on the chain who has paid: an order like any other. */
import { UNITS } from "../../../../../bus/contracts/ledger/objects.ts";
import { MEMO_MAX } from "../../../../../bus/contracts/ledger/values.ts";
import { ledgerContract } from "../../../../../bus/contracts/ledger.ts";
import { COINJOIN_MAKERS_MAX } from "../../../../../bus/contracts/taker/values.ts";
import { unitOf } from "../../chat/amount.ts";
import { isPaymentLink, readPaymentLink } from "../../chat/payment-link.ts";
import {
  type Asking,
  atGateway,
  type Command,
  choiceField,
  type Field,
  given,
  type Outcome,
  type Values,
} from "../command.ts";
import { partyOfEntity, partyOfText, quotable } from "../party.ts";
import { amountOf, amountWords, isAgain } from "../payment-commands.ts";

const MINUTE_MS = 60_000;

export const mix: Command = {
  word: "mix",
  access: "user",
  isMutating: true,
  isFor: (to) => atGateway(to) || to.kind === "address",
  whyAbsent: ({ outlook, texts }) => (outlook.isMixing ? undefined : texts.refusal.coinjoin.off),
  fields({ texts, unit, to }): readonly Field[] {
    return [
      { name: "amount", label: texts.field.amount, kind: "text", isRequired: true },
      choiceField("unit", texts.field.unit, UNITS, unit, (one) => texts.unitNames[one]),
      ...(atGateway(to)
        ? [{ name: "to", label: texts.field.mixTo, kind: "text", isRequired: true } as const]
        : []),
      { name: "makers", label: texts.field.makers, kind: "text", isRequired: false },
    ];
  },
  read(words, { to, texts, space }) {
    const values = new Map<string, string>();
    const rest = [...words];
    values.set("again", isAgain(rest, texts) ? "1" : "");
    if (atGateway(to)) {
      // Before the amount, as with other payments, or behind it.
      const isFirst = space.address(rest[0] ?? "") !== undefined || isPaymentLink(rest[0] ?? "");
      const who = isFirst || rest.length > 1 ? (isFirst ? rest.shift() : rest.pop()) : undefined;
      if (who !== undefined) values.set("to", who);
    }
    const amount = amountWords(rest);
    const unit = rest[0] === undefined ? undefined : unitOf(rest[0]);
    if (unit !== undefined) rest.shift();
    if (amount !== undefined) values.set("amount", amount);
    if (unit !== undefined) values.set("unit", unit);
    if (values.has("amount")) values.set("makers", rest.join(" "));
    return values;
  },
  whyLong: (texts) => texts.askingMarket(Math.ceil(ledgerContract.rpcs.mix.deadlineMs / MINUTE_MS)),
  run: (asking, values) => mixNow(asking, values),
};

async function mixNow(asking: Asking, values: Values): Promise<Outcome> {
  const { bank, jid, texts, to, space, requestId } = asking;
  const typed = given(values, "to");
  const link = isPaymentLink(typed) ? readPaymentLink(typed, (address) => space.address(address)) : undefined;
  if (link !== undefined && "problem" in link)
    return { kind: "again", field: "to", text: texts.badLink(texts.linkWhy[link.problem]) };
  const party = partyOfEntity(to) ?? partyOfText(typed, space);
  if (party === undefined || !("address" in party))
    return { kind: "again", field: "to", text: texts.badAddress };
  const amountSat = amountOf(asking, values, link?.amountSat);
  if (typeof amountSat !== "number") return amountSat;
  const makers = given(values, "makers");
  if (!/^(?:[1-9][0-9]?)?$/.test(makers) || Number(makers) > COINJOIN_MAKERS_MAX)
    return { kind: "again", field: "makers", text: texts.badMakers(quotable(makers), COINJOIN_MAKERS_MAX) };
  const order = await bank.mix({
    ...{ jid, address: party.address, amountSat },
    ...(makers === "" ? {} : { makers: Number(makers) }),
    memo: quotable(link?.message ?? link?.label ?? "").slice(0, MEMO_MAX),
    isMeant: given(values, "again") !== "",
    ...(requestId === undefined ? {} : { request: requestId }),
  });
  return { kind: "order", order };
}
