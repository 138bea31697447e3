/** The ledger: the books of people's accounts, and the one wallet that their coins are in. It holds no key. Wiring only. */
import { randomBytes, randomInt } from "node:crypto";
import { join } from "node:path";
import { networkByName } from "../../bitcoin/network.ts";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Listener, Publisher, Service } from "../../bus/bus.ts";
import { ledgerContract } from "../../bus/contracts/ledger.ts";
import { makerContract } from "../../bus/contracts/maker.ts";
import type { Timer } from "../../runtime/clock.ts";
import { accountAnswers } from "./answers/account-answers.ts";
import { adminAnswers } from "./answers/admin-answers.ts";
import type { AnswerDesk } from "./answers/answer-desk.ts";
import { bankStatus, moneyAnswers } from "./answers/money-answers.ts";
import { Bank } from "./bank/bank.ts";
import type { News } from "./books/transaction.ts";
import { type LedgerConfig, ledgerSection } from "./config.ts";
import { Desk } from "./desk.ts";
import { LedgerMetrics } from "./metrics.ts";
import { tellDigests } from "./notices/digests.ts";
import { tidyNotices } from "./notices/notices.ts";
import { tellOperators } from "./notices/operators.ts";
import { expireOrders, forgetOrders } from "./orders/orders.ts";
import { LedgerStore } from "./store/store.ts";

type Context = ActorContext<LedgerConfig>;

/** What differs between the program and its tests. */
export interface LedgerParts {
  readonly randomBytes: (lengthBytes: number) => Uint8Array;
  readonly randomBelow: (end: number) => number;
}

const INSTANCE = "main";
const TIDY_MS = 10_000;

export function ledgerWith(parts: LedgerParts): ActorDefinition<typeof ledgerSection.schema> {
  return { name: "ledger", section: ledgerSection, create: (context) => new Ledger(context, parts) };
}

export const ledger = ledgerWith({ randomBytes, randomBelow: (end) => randomInt(end) });

class Ledger implements Actor {
  readonly #context: Context;
  readonly #store: LedgerStore;
  readonly #answers: AnswerDesk;
  #publisher: Publisher<typeof ledgerContract> | undefined;
  #service: Service | undefined;
  #earnings: Listener | undefined;
  #timer: Timer | undefined;

  constructor(context: Context, parts: LedgerParts) {
    this.#context = context;
    const { bus, clock, log, config, meter, dataDirectory } = context;
    this.#store = new LedgerStore(join(dataDirectory, "books"));
    const desk = new Desk({
      ...parts,
      store: this.#store,
      rules: config,
      network: networkByName(context.network),
      clock,
      onNews: (news) => this.#tell(news),
    });
    const metrics = new LedgerMetrics(meter, () => {
      const { users, openOrders, isSpending } = bankStatus(this.#answers);
      return { users, openOrders, isSpending, notices: desk.read((t) => t.notices.count()) };
    });
    const bank = new Bank({ bus, clock, log, desk, config, metrics, onChange: () => this.#report() });
    this.#answers = { desk, bank };
  }

  async start(): Promise<void> {
    const { bus } = this.#context;
    const { bank, desk } = this.#answers;
    this.#publisher = bus.publisher(ledgerContract, INSTANCE);
    await bank.start();
    const handlers = {
      ...accountAnswers(this.#answers),
      ...moneyAnswers(this.#answers),
      ...adminAnswers(this.#answers),
    };
    this.#service = await bus.serve(ledgerContract, handlers, { publisher: this.#publisher });
    // They are the operator's, whatever the bank does: written down at once, so that no restart forgets them.
    this.#earnings = await bus.onEvent(makerContract, "coinjoin.seen", (join) => {
      desk.write((tx) => tellOperators(tx, join));
    });
    this.#tidy();
    this.#report();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#service?.stop();
    await this.#earnings?.stop();
    await this.#answers.bank.stop();
    await this.#publisher?.stop();
    await this.#store.close();
  }

  #tidy(): void {
    const { clock, log } = this.#context;
    try {
      this.#answers.desk.write((tx) => {
        expireOrders(tx);
        forgetOrders(tx);
        tellDigests(tx);
        tidyNotices(tx);
      });
    } catch (error) {
      // Nothing of it is urgent: whoever asks for an order is told that its time is over.
      log.error("orders whose time is over could not be written down", { error });
    }
    this.#timer = clock.after(TIDY_MS, () => this.#tidy(), { background: true });
  }

  #tell({ users, notices }: News): void {
    for (const userId of users) {
      const [jid] = this.#store.read((t) => t.users.get(userId))?.jids ?? [];
      if (jid !== undefined) this.#publisher?.event("account.changed", { userId, jid });
    }
    const last = notices.at(-1);
    if (last !== undefined) this.#publisher?.event("noticed", { id: last });
  }

  #report(): void {
    const status = bankStatus(this.#answers);
    this.#publisher?.state("bank", status);
    const { users, isSpending, why } = status;
    const people = `${users} ${users === 1 ? "account" : "accounts"}`;
    this.#context.report("ready", isSpending ? people : `${people}; no payments: ${why ?? ""}`);
  }
}
