/** Every IQ is answered once: by who knows its namespace, or with an error that says why not. */
import { randomBytes } from "node:crypto";
import { Gate } from "../../../../runtime/limits.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { type Element, elementsOf } from "../link/element.ts";
import { errorOf, resultOf, type StanzaProblem } from "../link/replies.ts";
import type { Entity } from "../names/entity.ts";
import type { Jid } from "../names/jid.ts";
import type { Answerer } from "./question.ts";
import { StanzaError } from "./stanza-error.ts";

const AT_ONCE = 64;
const WAITING_MAX = 2_000;

export interface IqRouterOptions {
  readonly answerers: ReadonlyMap<string, Answerer>;
  /** What a failure of somebody behind the door means for who has asked; undefined: it is a bug of ours. */
  readonly explain: (error: unknown, from: Jid) => StanzaProblem | undefined;
  readonly log: Log;
}

export class IqRouter {
  readonly #options: IqRouterOptions;
  readonly #gate = new Gate({ concurrency: AT_ONCE, waitingMax: WAITING_MAX, name: "the XMPP questions" });

  constructor(options: IqRouterOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async answer(iq: Element, from: Jid, to: Entity): Promise<Element> {
    try {
      return await this.#gate.run(() => this.#answer(iq, from, to));
    } catch (error) {
      return errorOf(iq, this.#problemOf(error, from));
    }
  }

  async #answer(iq: Element, from: Jid, to: Entity): Promise<Element> {
    const [payload, ...others] = elementsOf(iq);
    if (payload === undefined || others.length > 0) return errorOf(iq, { condition: "bad-request" });
    if (to.kind === "nobody") return errorOf(iq, { condition: "item-not-found" });
    const answerer = this.#options.answerers.get(payload.ns);
    const content = await answerer?.({ iq, payload, isSet: iq.attrs["type"] === "set", from, to });
    return content === undefined
      ? errorOf(iq, { condition: "service-unavailable" })
      : resultOf(iq, ...content);
  }

  #problemOf(error: unknown, from: Jid): StanzaProblem {
    if (error instanceof StanzaError) return error.problem;
    const known = this.#options.explain(error, from);
    if (known !== undefined) return known;
    // What exactly went wrong stays here; the reference finds it.
    const reference = randomBytes(4).toString("hex");
    this.#options.log.error("a question over XMPP could not be answered", { reference, error });
    return { condition: "internal-server-error", text: reference };
  }
}
