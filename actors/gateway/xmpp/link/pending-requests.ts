/** Our questions that wait for a reply: only whom we asked can answer, and nobody can guess the id. */
import { randomBytes } from "node:crypto";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import type { Element } from "./element.ts";

const PENDING_MAX = 1_000;

interface Pending {
  readonly resolve: (reply: Element) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

export class PendingRequests {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sends the question with an id of ours; `send` says whether it went out. */
  ask(iq: Element, timeoutMs: number, send: (iq: Element) => boolean): Promise<Element> {
    const id = randomBytes(12).toString("base64url");
    const key = keyOf(iq.attrs["to"], id);
    return new Promise((resolve, reject) => {
      if (this.#pending.size >= PENDING_MAX) return reject(noReply("too many questions are open"));
      const timer = this.#clock.after(timeoutMs, () => {
        this.#pending.delete(key);
        reject(noReply(`no answer within ${timeoutMs} ms`));
      });
      this.#pending.set(key, { resolve, reject, timer });
      if (send({ ...iq, attrs: { ...iq.attrs, id } })) return;
      this.#take(key);
      reject(noReply("the link to the XMPP server is down"));
    });
  }

  /** True when the stanza is the reply to one of our questions. */
  settle(reply: Element): boolean {
    const { type, from, id } = reply.attrs;
    if (reply.name !== "iq" || (type !== "result" && type !== "error") || id === undefined) return false;
    const pending = this.#take(keyOf(from, id));
    pending?.resolve(reply);
    return pending !== undefined;
  }

  /** The link has gone: nobody will answer. */
  abandon(): void {
    for (const key of [...this.#pending.keys()])
      this.#take(key)?.reject(noReply("the link to the XMPP server has broken"));
  }

  #take(key: string): Pending | undefined {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    pending?.timer.cancel();
    return pending;
  }
}

function keyOf(jid: string | undefined, id: string): string {
  return `${(jid ?? "").toLowerCase()} ${id}`;
}

function noReply(why: string): TroupeError {
  return new TroupeError(
    { code: "GATEWAY_XMPP_NO_REPLY" },
    `The XMPP server or client that was asked has not answered: ${why}. Ask again later.`,
  );
}
