/** What the ledger refuses, for people and as conditions of XMPP: both say the same. */
import { UsernameFormSchema } from "../../../../bus/contracts/ledger/refusals.ts";
import type { Condition } from "../link/replies.ts";
import type { Texts } from "./catalogue.ts";
import { money, type Unit } from "./money.ts";

export interface Refusal {
  readonly condition: Condition;
  readonly text: string;
}

type Data = Readonly<Record<string, unknown>>;

const MINUTE_S = 60;

/** Undefined: nothing that the ledger refuses with. */
export function refusalOf(error: unknown, texts: Texts, unit: Unit, nowMs: number): Refusal | undefined {
  const { code, data } = error as { code?: unknown; data?: unknown };
  if (typeof code !== "string") return undefined;
  if (code === "BUS_DEADLINE") return { condition: "remote-server-timeout", text: texts.stillWorking };
  if (/^(BUS_(UNAVAILABLE|BUSY|NOT_FOUND|CLOSED)|RUNTIME_QUEUE_FULL|LEDGER_DISK)$/.test(code))
    return { condition: "remote-server-timeout", text: texts.refusal.away };
  const values: Data = typeof data === "object" && data !== null ? (data as Data) : {};
  return ledgerRefusal(code, values, texts, unit, nowMs);
}

function ledgerRefusal(
  code: string,
  data: Data,
  texts: Texts,
  unit: Unit,
  nowMs: number,
): Refusal | undefined {
  const { refusal } = texts;
  const sat = (key: string) => money(Number(data[key] ?? 0), unit);
  const why = String(data["why"] ?? "");
  switch (code) {
    case "LEDGER_NO_ACCOUNT":
      return { condition: "registration-required", text: refusal.noAccount };
    case "LEDGER_REGISTERED":
      return { condition: "conflict", text: texts.alreadyRegistered(String(data["username"] ?? "")) };
    case "LEDGER_USERNAME":
      if (why === "form") return { condition: "not-acceptable", text: nameFormText(data["form"], refusal) };
      return { condition: "conflict", text: why === "reserved" ? refusal.nameReserved : refusal.nameTaken };
    case "LEDGER_NOT_ALLOWED": {
      const reason = Object.hasOwn(refusal.notAllowed, why)
        ? (why as keyof Texts["refusal"]["notAllowed"])
        : "closed";
      return {
        condition: reason === "closed" || reason === "full" ? "not-allowed" : "forbidden",
        text: refusal.notAllowed[reason],
      };
    }
    case "LEDGER_NOT_EMPTY":
      return { condition: "not-allowed", text: refusal.notEmpty };
    case "LEDGER_NOT_OPEN":
      return { condition: "service-unavailable", text: refusal.bankShut(why) };
    case "LEDGER_FROZEN":
      return { condition: "not-allowed", text: refusal.frozen(why) };
    case "LEDGER_WAITING":
      return { condition: "not-allowed", text: refusal.waiting };
    case "LEDGER_UNVERIFIED":
      return { condition: "not-allowed", text: refusal.unverified };
    case "LEDGER_RECIPIENT":
      return { condition: "item-not-found", text: refusal.recipient };
    case "LEDGER_SELF":
      return { condition: "not-acceptable", text: refusal.self };
    case "LEDGER_ADDRESS":
      return { condition: "not-acceptable", text: texts.badAddress };
    case "LEDGER_DUST":
      return { condition: "not-acceptable", text: refusal.dust(sat("leastSat")) };
    case "LEDGER_FUNDS":
      return { condition: "not-acceptable", text: refusal.funds(sat("availableSat"), sat("neededSat")) };
    case "LEDGER_LIMIT":
      return {
        condition: "not-acceptable",
        text:
          data["limit"] === "payment"
            ? refusal.limitPayment(sat("mostSat"))
            : refusal.limitDay(sat("leftSat")),
      };
    case "LEDGER_STOPPED":
      return { condition: "service-unavailable", text: refusal.stopped(why) };
    case "LEDGER_COINJOIN": {
      const { coinjoin } = refusal;
      const text = Object.hasOwn(coinjoin, why) ? coinjoin[why as keyof typeof coinjoin] : coinjoin.later;
      return { condition: "not-allowed", text };
    }
    case "LEDGER_TOO_MANY":
    case "LEDGER_TOO_MANY_BANS":
      return { condition: "not-allowed", text: tooManyText(data, refusal) };
    case "LEDGER_REPEATED":
      return { condition: "conflict", text: texts.repeated };
    case "LEDGER_NO_ORDER": {
      const tries = data["triesLeft"];
      const left = typeof tries === "number" ? ` ${refusal.triesLeft(tries)}` : "";
      return { condition: "item-not-found", text: refusal.noOrder + left };
    }
    case "LEDGER_LOCKED": {
      const minutes = Math.max(1, Math.ceil((Number(data["untilS"] ?? 0) - nowMs / 1000) / MINUTE_S));
      return { condition: "policy-violation", text: refusal.locked(minutes) };
    }
    case "LEDGER_ORDER_OVER": {
      const { orderState } = texts;
      const state = String(data["state"] ?? "");
      if (state === "signed") return { condition: "not-allowed", text: refusal.signed };
      const shown = Object.hasOwn(orderState, state) ? orderState[state as keyof typeof orderState] : state;
      return { condition: "not-allowed", text: refusal.over(shown) };
    }
    case "LEDGER_SECOND_FACTOR": {
      const early = {
        missing: refusal.factorMissing,
        young: refusal.factorYoung,
        present: refusal.factorPresent,
      };
      if (Object.hasOwn(early, why))
        return { condition: "not-allowed", text: early[why as keyof typeof early] };
      return {
        condition: "not-acceptable",
        text: why === "needed" ? refusal.factorNeeded : refusal.factorWrong,
      };
    }
    case "LEDGER_NOT_YOURS":
      return { condition: "item-not-found", text: refusal.notYours };
    case "MAKER_NOT_RUNNING":
      return { condition: "item-not-found", text: texts.noMakers };
    case "LEDGER_NOT_ADMIN":
      return { condition: "forbidden", text: texts.notPermitted };
    case "LEDGER_NO_SUCH_USER":
      return { condition: "item-not-found", text: refusal.noSuchUser };
    case "LEDGER_NEGATIVE":
      return { condition: "not-allowed", text: refusal.negative };
    default:
      return undefined;
  }
}

function tooManyText(data: Data, refusal: Texts["refusal"]): string {
  const most = Number(data["most"] ?? 0);
  switch (data["what"]) {
    case "ordersOfDay":
      return refusal.tooManyOfDay(most);
    case "names":
      return refusal.tooManyNames(most);
    default:
      return refusal.tooMany(most);
  }
}

/** With what names are made of at this bank. */
function nameFormText(form: unknown, { nameForm, nameMissing }: Texts["refusal"]): string {
  const { success, data } = UsernameFormSchema.safeParse(form);
  if (!success) return nameMissing;
  return nameForm(data.fewest, data.most, data.rest, data.first);
}
