/** The command that tells what is under way: a person's payments, and for those who run the troupe its coinjoins. */
import type { LedgerOrder } from "../../../../../bus/contracts/ledger/objects.ts";
import type { Tumble } from "../../../../../bus/contracts/taker/tumble.ts";
import type { CoinjoinRun } from "../../../../../bus/contracts/taker.ts";
import { hasCode } from "../../../../../runtime/errors.ts";
import { money } from "../../language/money.ts";
import { type Asking, atGateway, type Command, isOperator, type Outcome, text } from "../command.ts";
import { progressText } from "../mixing/progress-text.ts";
import { partyText, quotable } from "../party.ts";
import { unlessAway } from "./away.ts";

const ORDERS_MAX = 200;
const UNDER_WAY: ReadonlySet<LedgerOrder["state"]> = new Set(["confirmed", "executing", "broadcast"]);

interface Job {
  readonly job: string;
  readonly what: string;
  readonly state: string;
  readonly progress: string;
}

export const jobs: Command = {
  word: "jobs",
  access: "user",
  isMutating: false,
  isFor: atGateway,
  fields: () => [],
  read: () => new Map(),
  async run(asking): Promise<Outcome> {
    const { texts, account } = asking;
    const payments = await paymentsOf(asking);
    const own = new Set(payments.map(({ job }) => job));
    const others = isOperator(account) ? await coinjoinsOf(asking) : [];
    const found = [...payments, ...others.filter(({ job }) => !own.has(job))];
    if (found.length === 0) return text(texts.noJobs);
    const { column } = texts;
    return {
      kind: "table",
      title: texts.jobsTitle,
      columns: (["job", "what", "state", "progress"] as const).map((name) => ({ name, label: column[name] })),
      rows: found.map((job) => ({ ...job })),
      lines: found.map(({ job, what, state, progress }) =>
        texts.jobLine(job, what, progress === "" ? state : progress),
      ),
      nextPage: undefined,
    };
  },
};

async function paymentsOf({ bank, jid, texts, unit, workers }: Asking): Promise<Job[]> {
  const { orders } = await bank.orders({ jid, limit: ORDERS_MAX });
  const underWay = orders.filter(({ state }) => UNDER_WAY.has(state));
  return await Promise.all(
    underWay.map(async ({ order, state, route, amountSat, to, txid }) => ({
      job: order,
      what: texts.jobPayment(money(amountSat, unit), partyText(to)),
      state: texts.orderState[state],
      progress:
        txid !== null
          ? texts.jobSent(txid)
          : route === "coinjoin"
            ? await mixProgress(order, { workers, texts })
            : "",
    })),
  );
}

/** Its coinjoin has its name. Empty where it has not begun, or is over. */
async function mixProgress(
  id: string,
  { workers, texts }: Pick<Asking, "workers" | "texts">,
): Promise<string> {
  try {
    const run = await unlessAway(() => workers.taker.run({ id }));
    return run === undefined || run.isOver ? "" : progressText(run, texts);
  } catch (error) {
    if (hasCode(error, "TAKER_NO_SUCH_RUN")) return "";
    throw error;
  }
}

/** Not of those who wait long for the next step alone: a tumble tells of its own. */
async function coinjoinsOf({ workers, texts, unit }: Asking): Promise<Job[]> {
  const told = await unlessAway(async () => {
    const [{ runs }, { tumbles }] = await Promise.all([workers.taker.runs({}), workers.taker.tumbles({})]);
    return { runs, tumbles };
  });
  const { runs, tumbles } = told ?? { runs: [], tumbles: [] };
  const ofRun = ({ id, phase, progress, amountSat, isSweep }: CoinjoinRun): Job => ({
    job: id,
    what: texts.jobCoinjoin(isSweep || amountSat === null ? "" : money(amountSat, unit)),
    state: phase,
    progress: quotable(progress),
  });
  const ofTumble = ({ id, wallet, state, progress }: Tumble): Job => ({
    job: id,
    what: texts.jobTumble(wallet),
    state,
    progress: quotable(progress),
  });
  return [
    ...runs.filter(({ isOver }) => !isOver).map(ofRun),
    ...tumbles.filter(({ isOver }) => !isOver).map(ofTumble),
  ];
}
