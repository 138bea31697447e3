/** Commands that run the troupe from afar: stop and resume payments, the maker, a coinjoin, an actor. Each act is written down first. */
import { SETTABLE_LEVELS } from "../../../../../bus/contracts/supervisor.ts";
import { hasCode } from "../../../../../runtime/errors.ts";
import { money } from "../../language/money.ts";
import {
  type Asking,
  atGateway,
  type Command,
  choiceField,
  given,
  inOrder,
  type Outcome,
  text,
} from "../command.ts";
import { quotable } from "../party.ts";
import { unlessAway } from "./away.ts";

const WHY_MAX = 250;
const NAME_MAX = 64;

const halting = (isHalted: boolean): Command => ({
  word: isHalted ? "stop" : "resume",
  access: "admin",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) =>
    isHalted ? [{ name: "why", label: texts.field.why, kind: "text", isRequired: false }] : [],
  read: (words) => new Map([["why", ""], ...inOrder(words, ["why"])]),
  async run({ bank, jid, texts }, values) {
    const why = quotable(given(values, "why")).slice(0, WHY_MAX);
    const { isSpending, why: reason } = await bank.halt({ by: jid, isHalted, why });
    return text(isSpending ? texts.bankOpen : texts.bankShut(reason ?? ""));
  },
});

const MAKER_ACTS = ["status", "stop"] as const;

const maker: Command = {
  word: "maker",
  access: "operator",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [
    choiceField("what", texts.field.what, MAKER_ACTS, "status", (act) => texts.makerActs[act]),
    { name: "wallet", label: texts.field.wallet, kind: "text", isRequired: false },
  ],
  read: ([what = "status", wallet = ""]) =>
    new Map([
      ["what", what.toLowerCase()],
      ["wallet", wallet],
    ]),
  async run(asking, values): Promise<Outcome> {
    const { texts } = asking;
    const what = given(values, "what");
    // To offer coins the maker needs a grant, and for that a wallet has to be opened with its password.
    if (what === "start") return { kind: "problem", text: texts.makerStart };
    if (what === "stop") return stopMaker(asking, given(values, "wallet").slice(0, NAME_MAX));
    return what === "status" || what === "offers"
      ? makersTable(asking)
      : { kind: "again", field: "what", text: texts.badSetting("maker", MAKER_ACTS.join(", ")) };
  },
};

async function makersTable({ workers, texts, unit }: Asking): Promise<Outcome> {
  const told = await unlessAway(() => workers.maker.status({}));
  if (told === undefined || told.makers.length === 0) return text(texts.noMakers);
  const { column } = texts;
  const rows = told.makers.map(({ wallet, state, offers, signed, earnedSat, why }) => ({
    name: wallet,
    state: why ?? state,
    offers: offers
      .map(({ minSat, maxSat, fee }) => texts.makerOffer(money(minSat, unit), money(maxSat, unit), fee))
      .join("; "),
    coinjoins: String(signed),
    earned: money(earnedSat, unit),
  }));
  return {
    kind: "table",
    title: texts.makersTitle,
    columns: (["name", "state", "offers", "coinjoins", "earned"] as const).map((name) => ({
      name,
      label: column[name],
    })),
    rows,
    lines: rows.map(({ name, state, offers, coinjoins, earned }) =>
      texts.makerLine(name, state, offers, coinjoins, earned),
    ),
    nextPage: undefined,
  };
}

/** The only one that earns when none is named. */
async function stopMaker({ workers, bank, jid, texts }: Asking, named: string): Promise<Outcome> {
  const makers = (await unlessAway(() => workers.maker.status({})))?.makers ?? [];
  const [only] = makers;
  const wallet = named !== "" ? named : makers.length === 1 ? only?.wallet : undefined;
  const found = makers.find((one) => one.wallet === wallet || one.wallet === `${wallet}.jmdat`);
  if (found === undefined) {
    const names = makers.map((one) => one.wallet).join(", ");
    return { kind: "problem", text: names === "" ? texts.noMakers : texts.badSetting("maker stop", names) };
  }
  await bank.act({ by: jid, act: "maker stop", about: found.wallet });
  await workers.maker.stop({ wallet: found.wallet });
  return text(texts.makerStopped(found.wallet));
}

/** Those that can come again by themselves, and carry no coins over in memory. */
const RESTARTABLE = ["gateway", "ledger", "maker", "taker", "mempool", "indexer"] as const;

const reload: Command = {
  word: "reload",
  access: "admin",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [choiceField("what", texts.field.what, RESTARTABLE, "gateway")],
  read: ([what = "gateway"]) => new Map([["what", what.toLowerCase()]]),
  async run({ bank, jid, workers, texts }, values): Promise<Outcome> {
    const child = RESTARTABLE.find((one) => one === given(values, "what"));
    if (child === undefined)
      return { kind: "again", field: "what", text: texts.badSetting("reload", RESTARTABLE.join(", ")) };
    await bank.act({ by: jid, act: "restart", about: child });
    // What is restarted may be whoever answers: the answer goes out first, and nobody waits for the end.
    workers.later(() => workers.supervisor.restart({ child }));
    return text(texts.reloading(child));
  },
};

const loglevel: Command = {
  word: "loglevel",
  access: "admin",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [
    { name: "what", label: texts.field.what, kind: "text", isRequired: true },
    choiceField("level", texts.field.level, SETTABLE_LEVELS, "info"),
  ],
  read: ([what = "", level = "info"]) =>
    new Map([
      ...(what === "" ? [] : [["what", what.toLowerCase()] as const]),
      ["level", level.toLowerCase()],
    ]),
  async run({ bank, jid, workers, texts }, values): Promise<Outcome> {
    const child = given(values, "what").slice(0, NAME_MAX);
    const level = SETTABLE_LEVELS.find((one) => one === given(values, "level"));
    if (level === undefined)
      return {
        kind: "again",
        field: "level",
        text: texts.badSetting("loglevel", SETTABLE_LEVELS.join(", ")),
      };
    await bank.act({ by: jid, act: "log level", about: `${child} ${level}` });
    try {
      const { isSet } = await workers.supervisor.logLevel({ child, level });
      return isSet
        ? text(texts.logLevelIs(child, level))
        : { kind: "problem", text: texts.logLevelNot(child) };
    } catch (error) {
      if (!hasCode(error, "SUPERVISOR_NO_SUCH_CHILD")) throw error;
      return { kind: "again", field: "what", text: texts.logLevelNot(quotable(child)) };
    }
  },
};

const abort: Command = {
  word: "abort",
  access: "operator",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [{ name: "job", label: texts.field.job, kind: "text", isRequired: true }],
  read: (words) => inOrder(words, ["job"]),
  async run({ bank, jid, workers, texts }, values): Promise<Outcome> {
    const id = given(values, "job").toLowerCase();
    if (!/^[0-9a-f]{16}$/.test(id)) return { kind: "again", field: "job", text: texts.noSuchJob };
    try {
      await workers.taker.run({ id });
      await bank.act({ by: jid, act: "coinjoin cancel", about: id });
      const { isCancelled } = await workers.taker.cancel({ id });
      return text(isCancelled ? texts.jobAborted : texts.jobTooLate);
    } catch (error) {
      if (!hasCode(error, "TAKER_NO_SUCH_RUN") && !hasCode(error, "BUS_UNAVAILABLE")) throw error;
      return { kind: "problem", text: texts.noSuchJob };
    }
  },
};

export const OPERATIONS_COMMANDS: readonly Command[] = [
  maker,
  abort,
  halting(true),
  halting(false),
  reload,
  loglevel,
];
