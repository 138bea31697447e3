/** Answers to stanzas: from whom was addressed, to who has asked, and errors as RFC 6120 has them. */
import { type Element, element } from "./element.ts";
import { NS } from "./namespaces.ts";

type ErrorKind = "auth" | "cancel" | "modify" | "wait";

export type Condition =
  | "bad-request"
  | "conflict"
  | "forbidden"
  | "internal-server-error"
  | "item-not-found"
  | "jid-malformed"
  | "not-acceptable"
  | "not-allowed"
  | "policy-violation"
  | "registration-required"
  | "remote-server-timeout"
  | "resource-constraint"
  | "service-unavailable";

const KINDS: Readonly<Record<Condition, ErrorKind>> = {
  "bad-request": "modify",
  conflict: "cancel",
  forbidden: "auth",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "policy-violation": "wait",
  "registration-required": "auth",
  "remote-server-timeout": "wait",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
};

/** What an answer says has gone wrong. */
export interface StanzaProblem {
  readonly condition: Condition;
  readonly text?: string;
  readonly language?: string;
  /** The condition of one protocol, beside the general one. */
  readonly detail?: Element;
}

export function errorElement(problem: StanzaProblem): Element {
  const { condition, text, language, detail } = problem;
  return element(
    "error",
    "",
    { type: KINDS[condition] },
    element(condition, NS.stanzas),
    text === undefined ? undefined : element("text", NS.stanzas, { "xml:lang": language }, text),
    detail,
  );
}

export function resultOf(iq: Element, ...content: readonly (Element | undefined)[]): Element {
  return element("iq", "", { ...backwards(iq), type: "result" }, ...content);
}

export function errorOf(stanza: Element, problem: StanzaProblem): Element {
  return element(stanza.name, "", { ...backwards(stanza), type: "error" }, errorElement(problem));
}

function backwards({ attrs }: Element): Record<string, string | undefined> {
  return { from: attrs["to"], to: attrs["from"], id: attrs["id"] };
}
