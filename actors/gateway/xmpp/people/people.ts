/** What is known of those who speak to the door: asked of the ledger, kept for moments only. */
import type { LedgerAccount } from "../../../../bus/contracts/ledger/objects.ts";
import { JID_PART_MAX } from "../../../../bus/contracts/ledger/values.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { hasCode } from "../../../../runtime/errors.ts";
import type { Asking, Bank, Web } from "../commands/command.ts";
import type { Workers } from "../commands/operator/workers.ts";
import { RecentMap } from "../guard/recent-map.ts";
import { LANGUAGES, STANDARD_LANGUAGE, textsOf } from "../language/texts.ts";
import type { AddressSpace, Entity } from "../names/entity.ts";
import type { ToldByAnswer } from "../notices/told-by-answer.ts";
import type { Outlook } from "../outlook.ts";

const KEPT_MAX = 10_000;
/** Events tell of changes; this is for those that were missed. */
const KEPT_MS = 5_000;

interface Kept {
  readonly account: LedgerAccount | undefined;
  readonly untilMs: number;
}

export interface PeopleOptions {
  readonly bank: Bank;
  readonly workers: Workers;
  readonly web: Web | undefined;
  readonly toldByAnswer: ToldByAnswer;
  readonly outlook: Outlook;
  readonly follow: (jid: string, contact: Entity, isKept: boolean) => void;
  readonly space: AddressSpace;
  /** Of the XMPP server's own people. */
  readonly homeDomain: string;
  readonly clock: Clock;
  /** With `{address}` in it; empty for none. */
  readonly explorerUrl: string;
}

export class People {
  readonly bank: Bank;
  readonly space: AddressSpace;
  readonly #options: PeopleOptions;
  readonly #clock: Clock;
  readonly #explorerUrl: string;
  readonly #kept = new RecentMap<string, Kept>(KEPT_MAX);

  constructor(options: PeopleOptions) {
    const { bank, space, clock, explorerUrl } = options;
    this.#options = options;
    this.#explorerUrl = explorerUrl;
    this.bank = bank;
    this.space = space;
    this.#clock = clock;
  }

  /** Undefined for strangers and for those who have left. Rejects when the ledger does not answer. */
  async account(jid: string): Promise<LedgerAccount | undefined> {
    const kept = this.#kept.get(jid);
    if (kept !== undefined && this.#clock.monotonicMs() < kept.untilMs) return kept.account;
    const account = await this.#ask(jid);
    this.#kept.set(jid, { account, untilMs: this.#clock.monotonicMs() + KEPT_MS });
    return account;
  }

  async #ask(jid: string): Promise<LedgerAccount | undefined> {
    try {
      const account = await this.bank.account({ jid });
      return account.state === "closed" ? undefined : account;
    } catch (error) {
      if (hasCode(error, "LEDGER_NO_ACCOUNT")) return undefined;
      throw error;
    }
  }

  /** What is known of him without asking. */
  glance(jid: string): LedgerAccount | undefined {
    return this.#kept.get(jid)?.account;
  }

  /** What is kept of him is old. */
  forget(jid: string): void {
    this.#kept.delete(jid);
  }

  explorerUrlOf(address: string): string | undefined {
    return this.#explorerUrl === "" ? undefined : this.#explorerUrl.replaceAll("{address}", address);
  }

  async asking(
    jid: string,
    to: Entity,
    said: {
      readonly language?: string | undefined;
      readonly requestId?: string | undefined;
      /** The resource of his JID. */
      readonly client?: string;
    } = {},
  ): Promise<Asking> {
    const account = await this.account(jid);
    return {
      jid,
      account,
      texts: textsOf(account?.settings.language ?? languageOfStanza(said.language)),
      unit: account?.settings.unit ?? "sat",
      to,
      isOwn: account !== undefined && (await this.#isOwn(account, to)),
      client: said.client === "" ? undefined : said.client?.slice(0, JID_PART_MAX),
      bank: this.bank,
      workers: this.#options.workers,
      web: this.#options.web,
      toldByAnswer: this.#options.toldByAnswer,
      outlook: this.#options.outlook,
      follow: (contact, isKept) => this.#options.follow(jid, contact, isKept),
      space: this.space,
      homeDomain: this.#options.homeDomain,
      nowMs: this.#clock.now(),
      explorerUrlOf: (address) => this.explorerUrlOf(address),
      requestId: said.requestId,
    };
  }
  async #isOwn({ jid, username }: LedgerAccount, to: Entity): Promise<boolean> {
    switch (to.kind) {
      case "username":
        return to.username === username.toLowerCase();
      case "person":
        return to.jid === jid;
      case "address":
        return (await this.bank.lookup({ jid, what: { address: to.address } })).isSelf;
      default:
        return false;
    }
  }
}

/** Servers stamp their own language on every stanza, English mostly: that proves nothing. */
function languageOfStanza(language: string | undefined): string | undefined {
  const primary = language?.split("-")[0]?.toLowerCase();
  return primary === undefined || primary === STANDARD_LANGUAGE || !Object.hasOwn(LANGUAGES, primary)
    ? undefined
    : primary;
}
