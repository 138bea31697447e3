/** Tells those who run the troupe how their coinjoins go, and people those that pay their orders: one message each, corrected now and then, and a last one of its own. */
import type { LedgerAccount } from "../../../../bus/contracts/ledger/objects.ts";
import type { CoinjoinRun } from "../../../../bus/contracts/taker.ts";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { isOperator } from "../commands/command.ts";
import { progressText } from "../commands/mixing/progress-text.ts";
import type { Workers } from "../commands/operator/workers.ts";
import { quotable } from "../commands/party.ts";
import { RecentMap } from "../guard/recent-map.ts";
import type { Texts } from "../language/catalogue.ts";
import { money } from "../language/money.ts";
import { textsOf } from "../language/texts.ts";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import type { People } from "../people/people.ts";

/** No message is corrected more often. */
const CORRECT_MS = 15_000;
const RUNS_MAX = 100;
const UNSENT_MAX = 1_000;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

export interface CoinjoinProgressOptions {
  readonly people: People;
  readonly workers: Workers;
  readonly clock: Clock;
  readonly log: Log;
  /** Whom it may concern, by the configuration; what their accounts say is looked up each time. */
  readonly operators: readonly string[];
  readonly sender: string;
  readonly send: (stanza: Element) => boolean;
}

type Unit = LedgerAccount["settings"]["unit"];

interface Followed {
  /** Told so far, and when. */
  readonly told: number;
  readonly toldAtMs: number;
  readonly timer: Timer | undefined;
}

interface Unsent {
  readonly stanza: Element;
  readonly notBeforeMs: number;
}

export class CoinjoinProgress {
  readonly #options: CoinjoinProgressOptions;
  readonly #followed = new RecentMap<string, Followed>(RUNS_MAX);
  /** Last words that nobody could be told yet: the link is down, or it is night where they are for. */
  #unsent: Unsent[] = [];
  #timer: Timer | undefined;

  constructor(options: CoinjoinProgressOptions) {
    this.#options = options;
  }

  /** A coinjoin has come further. */
  changed({ id, isOver }: { readonly id: string; readonly isOver: boolean }): void {
    const { clock } = this.#options;
    const { told = 0, toldAtMs = 0, timer } = this.#followed.get(id) ?? {};
    if (isOver) {
      timer?.cancel();
      this.#followed.delete(id);
      void this.#quietly(() => this.#tellEnd(id));
      return;
    }
    if (timer !== undefined) return;
    const waitMs = told === 0 ? 0 : Math.max(0, toldAtMs + CORRECT_MS - clock.monotonicMs());
    const tell = () => {
      this.#followed.set(id, { told: told + 1, toldAtMs: clock.monotonicMs(), timer: undefined });
      void this.#quietly(() => this.#tell(id, told + 1));
    };
    if (waitMs === 0) tell();
    else this.#followed.set(id, { told, toldAtMs, timer: clock.after(waitMs, tell, { background: true }) });
  }

  /** The link is there: what waits is sent. */
  online(): void {
    this.#timer?.cancel();
    const nowMs = this.#options.clock.now();
    const waiting = this.#unsent.filter(
      ({ stanza, notBeforeMs }) => notBeforeMs > nowMs || !this.#options.send(stanza),
    );
    this.#unsent = waiting;
    const nextMs = Math.min(...waiting.map(({ notBeforeMs }) => notBeforeMs));
    if (nextMs > nowMs && Number.isFinite(nextMs)) {
      this.#timer = this.#options.clock.after(nextMs - nowMs, () => this.online(), { background: true });
    }
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #tell(id: string, nth: number): Promise<void> {
    const { clock, workers, send, sender } = this.#options;
    const payer = await this.#payerOf(id);
    if (payer === null && this.#options.operators.length === 0) return;
    const run = await workers.taker.run({ id });
    // Its end is told by itself.
    if (run.isOver) return;
    for (const { jid, account } of await this.#listeners(payer)) {
      const { notices, quietHours } = account.settings;
      if (notices !== "all" || quietMs(quietHours, clock.now()) > 0) continue;
      const body = progressText(run, textsOf(account.settings.language));
      send(progressStanza({ jid, sender, id, nth, body }));
    }
  }

  async #tellEnd(id: string): Promise<void> {
    // Of a person's payment the ledger tells the end.
    if (this.#options.operators.length === 0 || (await this.#payerOf(id)) !== null) return;
    const run = await this.#options.workers.taker.run({ id });
    await this.#tellLast(id, (texts, unit) => endText(run, texts, unit));
  }

  /** Once, also to whom it is night or nobody is there. */
  async #tellLast(id: string, textIn: (texts: Texts, unit: Unit) => string): Promise<void> {
    const { clock, sender } = this.#options;
    for (const { jid, account } of await this.#listeners(null)) {
      const { notices, quietHours, language, unit } = account.settings;
      if (notices === "none") continue;
      const body = textIn(textsOf(language), unit);
      const notBeforeMs = clock.now() + quietMs(quietHours, clock.now());
      this.#unsent = [...this.#unsent, { stanza: endStanza({ jid, sender, id, body }), notBeforeMs }].slice(
        -UNSENT_MAX,
      );
    }
    this.online();
  }

  /** A coinjoin that pays an order has the order's name. */
  async #payerOf(id: string): Promise<string | null> {
    return (await this.#options.people.bank.payerOf({ order: id })).jid;
  }

  /** Whose payment it is, or else those who run the troupe. */
  async #listeners(
    payer: string | null,
  ): Promise<{ readonly jid: string; readonly account: LedgerAccount }[]> {
    const found = [];
    if (payer !== null) {
      const account = await this.#options.people.account(payer);
      return account === undefined ? [] : [{ jid: payer, account }];
    }
    for (const jid of this.#options.operators) {
      const account = await this.#options.people.account(jid);
      if (account !== undefined && isOperator(account)) found.push({ jid, account });
    }
    return found;
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.debug("a coinjoin's progress could not be told", { error: toWireError(error) });
    }
  }
}

function endText(run: CoinjoinRun, { coinjoin }: Texts, unit: Unit): string {
  const { id, phase, makerFeesSat, miningFeeSat, failure, progress } = run;
  if (phase === "done") return coinjoin.done(id, money((makerFeesSat ?? 0) + (miningFeeSat ?? 0), unit));
  if (phase === "cancelled") return coinjoin.cancelled(id);
  return coinjoin.failed(id, quotable(failure?.message ?? progress));
}

interface Said {
  readonly jid: string;
  readonly sender: string;
  readonly id: string;
  readonly body: string;
}

/** The first has an id; those after it take its place. */
function progressStanza({ jid, sender, id, nth, body }: Said & { readonly nth: number }): Element {
  return element(
    "message",
    "",
    { type: "chat", id: `mx-${id}-${nth}`, from: sender, to: jid },
    element("body", "", {}, body),
    ...(nth === 1 ? [] : [element("replace", NS.correct, { id: `mx-${id}-1` })]),
    element("unstyled", NS.styling),
  );
}

function endStanza({ jid, sender, id, body }: Said): Element {
  const own = `mx-${id}-end`;
  return element(
    "message",
    "",
    { type: "chat", id: own, from: sender, to: jid },
    element("body", "", {}, body),
    element("origin-id", NS.originId, { id: own }),
    element("store", NS.hints),
    element("unstyled", NS.styling),
  );
}

/** How long a person wants to hear nothing from now on. */
function quietMs(quiet: LedgerAccount["settings"]["quietHours"], nowMs: number): number {
  if (quiet === null) return 0;
  const minute = Math.floor(nowMs / MINUTE_MS) % DAY_MINUTES;
  const { fromMinute, untilMinute } = quiet;
  const length = (untilMinute - fromMinute + DAY_MINUTES) % DAY_MINUTES;
  const since = (minute - fromMinute + DAY_MINUTES) % DAY_MINUTES;
  return since < length ? (length - since) * MINUTE_MS - (nowMs % MINUTE_MS) : 0;
}
