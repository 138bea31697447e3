/** An IQ that passed the guard, taken apart once, and those who answer its kind. */
import type { Element } from "../link/element.ts";
import type { Entity } from "../names/entity.ts";
import type { Jid } from "../names/jid.ts";

export interface Question {
  readonly iq: Element;
  readonly payload: Element;
  readonly isSet: boolean;
  readonly from: Jid;
  readonly to: Entity;
}

/** The content of the result, or undefined when this is no question of theirs. Throws `StanzaError` to refuse. */
export type Answerer = (question: Question) => Answer | Promise<Answer>;

type Answer = readonly Element[] | undefined;
