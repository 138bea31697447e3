/** What people are to be told: taken from the ledger, sent once in the life of a link, acknowledged when a receipt says so. */
import type { LedgerNotice } from "../../../../bus/contracts/ledger/objects.ts";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { Bank } from "../commands/command.ts";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { bareJid, parseJid } from "../names/jid.ts";
import { noticeText } from "./notice-text.ts";
import type { ToldByAnswer } from "./told-by-answer.ts";

const PREFIX = "ev-";
/** In case an event was lost. */
const LOOK_EVERY_MS = 60_000;
const AT_ONCE = 100;
/** As many as the ledger keeps: what was forgotten here, and has no receipt, would be sent once more with each look. */
const UNRECEIVED_MAX = 100_000;

export interface NoticesOptions {
  readonly bank: Bank;
  readonly clock: Clock;
  readonly log: Log;
  /** From whom they come: the name with which people chat. */
  readonly sender: string;
  readonly send: (stanza: Element) => boolean;
  readonly toldByAnswer: ToldByAnswer;
}

export class Notices {
  readonly #options: NoticesOptions;
  /** Sent over this link, and whose; the receipt of anybody else counts for nothing. */
  readonly #sent = new Map<number, string>();
  /** Whose reader may be told by an answer instead. */
  readonly #held = new Map<number, LedgerNotice>();
  #after = 0;
  #isOnline = false;
  #isLooking = false;
  #wantsLook = false;
  #timer: Timer | undefined;

  constructor(options: NoticesOptions) {
    this.#options = options;
    options.toldByAnswer.onAnswer((jid) => this.#release(jid));
  }

  /** What was sent before and nobody has received is sent again: it may be lost. */
  online(): void {
    this.#isOnline = true;
    this.#after = 0;
    this.#sent.clear();
    this.#held.clear();
    this.look();
  }

  offline(): void {
    this.#isOnline = false;
    this.#timer?.cancel();
  }

  /** There may be something to tell. */
  look(): void {
    if (!this.#isOnline) return;
    this.#wantsLook = true;
    if (!this.#isLooking) void this.#lookNow();
  }

  async #lookNow(): Promise<void> {
    this.#isLooking = true;
    this.#timer?.cancel();
    try {
      while (this.#wantsLook && this.#isOnline) {
        this.#wantsLook = false;
        await this.#sendAll();
      }
    } catch (error) {
      this.#options.log.debug("the ledger tells no notices just now", { error });
    } finally {
      this.#isLooking = false;
      if (this.#isOnline) {
        // Those that had to wait for the end of quiet hours have no event of their own.
        this.#timer = this.#options.clock.after(LOOK_EVERY_MS, () => this.#lookAgain(), { background: true });
      }
    }
  }

  #lookAgain(): void {
    this.#after = 0;
    this.look();
  }

  async #sendAll(): Promise<void> {
    for (let isMore = true; isMore && this.#isOnline; ) {
      const told = await this.#options.bank.notices({ after: this.#after, limit: AT_ONCE });
      for (const notice of told.notices) {
        if (!this.#isInHand(notice) && !this.#sendOne(notice)) return;
        this.#after = Math.max(this.#after, notice.id);
      }
      isMore = told.isMore && told.notices.length > 0;
    }
  }

  /** It was sent, waits for the end of an answer, or was told by one. */
  #isInHand(notice: LedgerNotice): boolean {
    const { toldByAnswer } = this.#options;
    if (this.#sent.has(notice.id)) return true;
    if (toldByAnswer.mayBeTold(notice)) {
      this.#held.set(notice.id, notice);
      return true;
    }
    if (!toldByAnswer.isTold(notice)) return false;
    this.#acknowledge(notice.id);
    return true;
  }

  #release(jid: string): void {
    for (const [id, notice] of this.#held) {
      if (notice.jid !== jid) continue;
      this.#held.delete(id);
      // One that cannot be sent is asked for again on the next link.
      if (this.#isOnline && !this.#isInHand(notice)) this.#sendOne(notice);
    }
  }

  #sendOne(notice: LedgerNotice): boolean {
    if (!this.#options.send(noticeStanza(notice, this.#options.sender))) return false;
    this.#sent.set(notice.id, notice.jid);
    for (const oldest of this.#sent.keys()) {
      if (this.#sent.size <= UNRECEIVED_MAX) break;
      this.#sent.delete(oldest);
    }
    return true;
  }

  /** A client says that it has shown the message of this id. */
  received(from: string, id: string): void {
    const jid = parseJid(from);
    if (!id.startsWith(PREFIX) || jid === undefined) return;
    const number = Number(id.slice(PREFIX.length));
    if (this.#sent.get(number) === bareJid(jid)) this.#acknowledge(number);
  }

  #acknowledge(id: number): void {
    this.#options.bank.acknowledge({ ids: [id] }).catch((error: unknown) => {
      // It is sent once more then, under the same id.
      this.#options.log.debug("a receipt could not be passed on", { error });
    });
  }
}

/** Kept for those who are away, shown as it is written, and with the same id when it comes twice. */
export function noticeStanza(notice: LedgerNotice, sender: string): Element {
  const id = `${PREFIX}${notice.id}`;
  return element(
    "message",
    "",
    { type: "chat", id, from: sender, to: notice.jid, "xml:lang": notice.language ?? "en" },
    element("body", "", {}, noticeText(notice)),
    element("origin-id", NS.originId, { id }),
    element("request", NS.receipts),
    element("store", NS.hints),
    element("unstyled", NS.styling),
  );
}
