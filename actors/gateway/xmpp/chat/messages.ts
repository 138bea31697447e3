/** Message stanzas: what came is acknowledged as its sender asked, answers go back from whom was addressed. */
import { randomUUID } from "node:crypto";
import type { Clock } from "../../../../runtime/clock.ts";
import type { Incoming } from "../door.ts";
import { childOf, childTextOf, type Element, element, elementsOf } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { secrecy } from "../link/secrecy.ts";
import type { Chat } from "./chat.ts";

/** Most is answered sooner, and needs no word before. */
const COMPOSING_AFTER_MS = 300;

export interface MessagesOptions {
  readonly chat: Chat;
  readonly clock: Clock;
  readonly send: (stanza: Element) => void;
  /** Where a code can be looked at; undefined where there is no such place. */
  readonly linkOf: (code: string) => Promise<string | undefined>;
  /** A notice has reached its reader. */
  readonly received: (from: string, id: string) => void;
}

export class Messages {
  readonly #options: MessagesOptions;

  constructor(options: MessagesOptions) {
    this.#options = options;
  }

  async take(incoming: Incoming): Promise<void> {
    const { stanza } = incoming;
    const { send, chat, clock, received, linkOf } = this.#options;
    const receipt = childOf(stanza, "received", NS.receipts)?.attrs["id"];
    if (receipt !== undefined) received(stanza.attrs["from"] ?? "", receipt);
    const from = (stanza.attrs["to"] ?? "").split("/")[0] ?? "";
    const back = (...content: readonly Element[]) =>
      element("message", "", { type: "chat", from, to: stanza.attrs["from"] }, ...content);
    // Nobody takes calls here.
    const call = childOf(stanza, "propose", NS.jingleMessage);
    if (call !== undefined) send(back(element("reject", NS.jingleMessage, { id: call.attrs["id"] })));
    if (incoming.to.kind === "nobody") return;
    const { id } = stanza.attrs;
    if (id !== undefined && (childTextOf(stanza, "body", "") ?? "") !== "") {
      if (childOf(stanza, "request", NS.receipts) !== undefined)
        send(back(element("received", NS.receipts, { id })));
      if (childOf(stanza, "markable", NS.markers) !== undefined)
        send(back(element("displayed", NS.markers, { id })));
    }
    // Whoever shows his own state is shown ours (XEP-0085).
    const isStateful = elementsOf(stanza).some(({ ns }) => ns === NS.chatStates);
    const active = isStateful ? [element("active", NS.chatStates)] : [];
    const composing = () =>
      isStateful && send(back(element("composing", NS.chatStates), element("no-store", NS.hints)));
    const said = (body: string, ...more: readonly Element[]) =>
      back(element("body", "", {}, body), ...more, element("unstyled", NS.styling));
    const isSaid = (childTextOf(stanza, "body", "") ?? "").trim() !== "";
    const timer = isSaid ? clock.after(COMPOSING_AFTER_MS, composing, { background: true }) : undefined;
    const replies = await chat.answer(incoming, (words) => {
      const { attrs, ...message } = said(words);
      // By its id it is known for no answer.
      send({ ...message, attrs: { ...attrs, id: `wait-${randomUUID()}` } });
      composing();
    });
    timer?.cancel();
    for (const reply of replies) {
      const message = said(reply.body, ...active, ...(reply.isSecret === true ? secrecy() : []));
      send(
        reply.from === undefined ? message : { ...message, attrs: { ...message.attrs, from: reply.from } },
      );
      const link = reply.code === undefined ? undefined : await linkOf(reply.code);
      // Clients show the picture in place of a link that is the whole text.
      if (link !== undefined)
        send(back(element("body", "", {}, link), element("x", NS.oob, {}, element("url", NS.oob, {}, link))));
    }
  }
}
