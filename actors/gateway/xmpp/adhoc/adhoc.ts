/** Ad-hoc commands (XEP-0050): the same commands as in a chat, by forms. */
import { createHash } from "node:crypto";
import type { Clock } from "../../../../runtime/clock.ts";
import { fileText, recapLines } from "../chat/render.ts";
import type { Asking, Command, Field, Outcome } from "../commands/command.ts";
import { commandOf, titleOf } from "../commands/commands.ts";
import { confirmOrder } from "../commands/payment-commands.ts";
import { missingField, normalised } from "../commands/submitted.ts";
import { bitsElement, type Pictures } from "../disco/pictures.ts";
import { commandAt } from "../disco/tree.ts";
import { type Form, type FormField, formElement, submittedValues, tableElement } from "../forms/data-form.ts";
import { refusalOf } from "../language/refusals.ts";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { serialise } from "../link/serialise.ts";
import { bareJid } from "../names/jid.ts";
import type { People } from "../people/people.ts";
import type { Question } from "../router/question.ts";
import { notFound, StanzaError } from "../router/stanza-error.ts";
import { type Session, Sessions } from "./sessions.ts";

const ACTIONS = ["execute", "next", "prev", "complete", "cancel"] as const;
type Action = (typeof ACTIONS)[number];

/** Clients give a question up after half a minute, some sooner. */
const FORM_PATIENCE_MS = 8_000;

export interface AdHocOptions {
  readonly people: People;
  readonly pictures: Pictures;
  readonly clock: Clock;
  readonly registered: (jid: string) => void;
  readonly changed: (jid: string) => void;
}

/** What a step answers, beside the frame. */
interface Answer {
  readonly status: "executing" | "completed" | "canceled";
  readonly allowed?: readonly ("prev" | "next" | "complete")[];
  /** What `execute` means now. */
  readonly standard?: "next" | "complete";
  readonly note?: { readonly type: "info" | "error"; readonly text: string };
  readonly content?: Element;
  /** Beside the command, such as the picture that a form shows. */
  readonly beside?: Element;
}

export class AdHoc {
  readonly #options: AdHocOptions;
  readonly #sessions: Sessions;

  constructor(options: AdHocOptions) {
    this.#options = options;
    this.#sessions = new Sessions(options.clock);
  }

  async answer(question: Question): Promise<readonly Element[] | undefined> {
    const { payload, iq, isSet } = question;
    if (!isSet || payload.name !== "command") return undefined;
    const { node = "", sessionid, action = "execute" } = payload.attrs;
    if (!(ACTIONS as readonly string[]).includes(action)) throw refused("bad-request", "malformed-action");
    const owner = iq.attrs["from"] ?? "";
    const place = iq.attrs["to"] ?? "";
    if (sessionid === undefined) return this.#begin(question, node, owner, place, action as Action);
    const session = this.#sessions.find(sessionid, owner, node, place);
    if (session === "unknown") throw refused("bad-request", "bad-sessionid");
    if (session === "expired") throw refused("not-allowed", "session-expired");
    const step = createHash("sha256").update(serialise(payload)).digest("base64");
    if (session.lastStep === step && session.lastAnswer !== undefined) return [session.lastAnswer];
    const asking = await this.#asking(question, session);
    const answer = await this.#step(session, action as Action, payload, asking);
    // The same step once more asks what has come of it since.
    return this.#framed(session, session.pending === undefined ? step : "", answer);
  }

  /** The picture of a form, asked for by its name. */
  bits({ payload, isSet }: Question): readonly Element[] | undefined {
    if (isSet || payload.name !== "data") return undefined;
    const data = this.#options.pictures.bits(payload.attrs["cid"] ?? "");
    if (data === undefined) throw notFound();
    return [data];
  }

  async #begin(
    question: Question,
    node: string,
    owner: string,
    place: string,
    action: Action,
  ): Promise<readonly Element[]> {
    if (action !== "execute")
      throw refused("bad-request", action === "cancel" ? "bad-sessionid" : "bad-action");
    const language = question.iq.attrs["xml:lang"];
    const asking = await this.#asking(question, { id: "", turns: 0, language });
    const word = commandAt(asking, node);
    if (word === undefined) throw notFound();
    const session = this.#sessions.begin({
      ...{ owner, node, place, language },
      person: bareJid(question.from),
      command: word,
    });
    const command = commandOf(word);
    const isForm = command.fields(asking).length > 0;
    const answer = isForm
      ? formAnswer(command, asking, session)
      : await this.#run(session, { ...asking, requestId: requestOf(session) });
    return this.#framed(session, "", answer);
  }

  async #step(session: Session, action: Action, payload: Element, asking: Asking): Promise<Answer> {
    if (action === "cancel") {
      this.#sessions.end(session);
      return { status: "canceled" };
    }
    const command = commandOf(session.command);
    if (session.isOver) throw refused("bad-request", "bad-action");
    if (session.pending !== undefined) return this.#outcomeOf(session, session.pending, asking);
    if (action === "prev") {
      return await this.#back(session, asking);
    }
    const values = submittedValues(payload) ?? new Map<string, string>();
    if (session.order !== undefined) {
      if (action === "next") throw refused("bad-request", "bad-action");
      return this.#confirm(session, session.order.order, values, asking);
    }
    if (session.page > 1) return this.#run(session, asking);
    const fields = command.fields(asking);
    session.values = normalised(fields, values);
    const missing = missingField(fields, session.values);
    if (missing !== undefined)
      return formAnswer(command, asking, session, asking.texts.askField(missing.label));
    return this.#run(session, asking);
  }

  /** What was ordered is given up: otherwise it would wait for its code, and whoever changes nothing be asked whether he means it twice. */
  async #back(session: Session, asking: Asking): Promise<Answer> {
    if (session.order === undefined) throw refused("bad-request", "bad-action");
    const { bank, jid } = asking;
    const { order } = session.order;
    // Whatever is over, or was confirmed elsewhere meanwhile, is none of this form's any more.
    const { state } = await bank.orderOf({ jid, order });
    if (state === "queued") await bank.cancel({ jid, which: { order } });
    session.order = undefined;
    session.turns += 1;
    return formAnswer(commandOf(session.command), asking, session);
  }

  async #confirm(
    session: Session,
    order: string,
    values: ReadonlyMap<string, string>,
    asking: Asking,
  ): Promise<Answer> {
    const { texts } = asking;
    if (!["1", "true"].includes(values.get("confirm") ?? "")) {
      return { ...orderAnswer(session, asking), note: { type: "error", text: texts.notConfirmed } };
    }
    const outcome = await this.#explained(asking, () =>
      confirmOrder(asking, { order }, (values.get("otp") ?? "").trim()),
    );
    this.#options.changed(asking.jid);
    return this.#outcomeAnswer(session, outcome, asking);
  }

  async #run(session: Session, asking: Asking): Promise<Answer> {
    const command = commandOf(session.command);
    const values = new Map(session.values);
    if (session.page > 1) values.set("page", String(session.page));
    return this.#outcomeOf(
      session,
      this.#explained(asking, () => command.run(asking, values)),
      asking,
    );
  }

  /** Waited for as long as clients wait for a form, where the command may take longer; then with a form that says so. */
  async #outcomeOf(session: Session, work: Promise<Outcome>, asking: Asking): Promise<Answer> {
    const command = commandOf(session.command);
    const { whyLong } = command;
    if (whyLong !== undefined) session.pending = work;
    work.catch(() => {
      session.pending = undefined;
    });
    const outcome = whyLong === undefined ? await work : await this.#soon(work);
    if (outcome === undefined) {
      const form: Form = {
        title: titleOf(command.word, asking),
        instructions: whyLong?.(asking.texts) ?? "",
        fields: [],
      };
      return { status: "executing", allowed: ["next"], standard: "next", content: formElement(form) };
    }
    session.pending = undefined;
    if (command.isMutating) this.#options.changed(asking.jid);
    if (command.word === "register" && outcome.kind === "text") this.#options.registered(asking.jid);
    return this.#outcomeAnswer(session, outcome, asking);
  }

  /** Undefined when it takes longer. */
  #soon(work: Promise<Outcome>): Promise<Outcome | undefined> {
    return new Promise((resolve, reject) => {
      const late = () => resolve(undefined);
      const timer = this.#options.clock.after(FORM_PATIENCE_MS, late, { background: true });
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  /** What the ledger refuses is told in the form's own way. */
  async #explained(asking: Asking, work: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await work();
    } catch (error) {
      const refusal = refusalOf(error, asking.texts, asking.unit, this.#options.clock.now());
      if (refusal === undefined) throw error;
      return { kind: "problem", text: refusal.text };
    }
  }

  #outcomeAnswer(session: Session, outcome: Outcome, asking: Asking): Answer {
    switch (outcome.kind) {
      case "text":
        session.isOver = true;
        return { status: "completed", note: { type: "info", text: outcome.text } };
      case "problem":
        session.isOver = true;
        return { status: "completed", note: { type: "error", text: outcome.text } };
      case "again":
        return formAnswer(commandOf(session.command), asking, session, outcome.text);
      case "order":
        session.order = outcome.order;
        return {
          ...orderAnswer(session, asking),
          ...(outcome.note === undefined ? {} : { note: { type: "info", text: outcome.note } }),
        };
      case "table": {
        const content = tableElement(outcome);
        if (outcome.nextPage === undefined) {
          session.isOver = true;
          return { status: "completed", content };
        }
        session.page = outcome.nextPage;
        return { status: "executing", allowed: ["next", "complete"], standard: "next", content };
      }
      case "file":
        session.isOver = true;
        return { status: "completed", note: { type: "info", text: fileText(outcome, asking) } };
      case "payment":
        session.isOver = true;
        return this.#paymentAnswer(outcome, asking);
    }
  }

  #paymentAnswer(
    { address, uri, explorerUrl }: Extract<Outcome, { kind: "payment" }>,
    { texts }: Asking,
  ): Answer {
    const picture = this.#options.pictures.codeOf(uri);
    const side = String(picture.sidePixels);
    const media = element(
      "media",
      NS.media,
      { height: side, width: side },
      element("uri", NS.media, { type: "image/png" }, `cid:${picture.cid}`),
    );
    const form: Form = {
      title: texts.receive(address),
      ...(explorerUrl === undefined ? {} : { instructions: texts.explorer(explorerUrl) }),
      fields: [
        { name: "address", type: "text-single", label: texts.field.address, value: address },
        { name: "uri", type: "text-single", label: texts.field.to, value: uri },
        { name: "qr", type: "fixed", label: "QR", extra: media },
      ],
    };
    return { status: "completed", content: formElement(form, "result"), beside: bitsElement(picture) };
  }

  #framed(session: Session, step: string, answer: Answer): readonly Element[] {
    const { status, allowed = [], standard, note, content, beside } = answer;
    const actions =
      status === "executing"
        ? element(
            "actions",
            NS.commands,
            { execute: standard },
            ...allowed.map((name) => element(name, NS.commands)),
          )
        : undefined;
    const command = element(
      "command",
      NS.commands,
      { node: session.node, sessionid: session.id, status },
      actions,
      content,
      note === undefined ? undefined : element("note", NS.commands, { type: note.type }, note.text),
      beside,
    );
    session.lastStep = step;
    session.lastAnswer = command;
    return [command];
  }

  #asking({ from, to }: Question, session: Pick<Session, "id" | "turns" | "language">): Promise<Asking> {
    return this.#options.people.asking(bareJid(from), to, {
      client: from.resource,
      language: session.language,
      requestId: session.id === "" ? undefined : requestOf(session),
    });
  }
}

/** The same for a step that comes twice, and another one for what is asked for after going back. */
function requestOf({ id, turns }: Pick<Session, "id" | "turns">): string {
  return `${id} ${turns}`;
}

function formAnswer(command: Command, asking: Asking, session: Session, problem?: string): Answer {
  const form: Form = {
    title: titleOf(command.word, asking),
    fields: command.fields(asking).map((field) => formField(field, session.values.get(field.name))),
  };
  return {
    status: "executing",
    allowed: ["next"],
    standard: "next",
    content: formElement(form),
    ...(problem === undefined ? {} : { note: { type: "error", text: problem } }),
  };
}

const FIELD_TYPES = {
  text: "text-single",
  secret: "text-private",
  choice: "list-single",
  yes: "boolean",
} as const;

function formField(
  { name, label, kind, isRequired, options, standard }: Field,
  filled: string | undefined,
): FormField {
  const value = filled ?? standard ?? (kind === "yes" ? "0" : undefined);
  return {
    name,
    label,
    type: FIELD_TYPES[kind],
    isRequired,
    ...(options === undefined ? {} : { options }),
    ...(value === undefined ? {} : { value }),
  };
}

function orderAnswer({ order }: Session, asking: Asking): Answer {
  const { texts } = asking;
  if (order === undefined) return { status: "completed" };
  const factor: FormField[] = order.needsSecondFactor
    ? [{ name: "otp", type: "text-private", label: texts.field.oneTimeCode, isRequired: true }]
    : [];
  const form: Form = {
    title: texts.confirmTitle,
    instructions: recapLines(order, asking).join("\n"),
    fields: [
      { name: "confirm", type: "boolean", label: texts.field.confirm, value: "0", isRequired: true },
      ...factor,
    ],
  };
  return {
    status: "executing",
    allowed: ["prev", "complete"],
    standard: "complete",
    content: formElement(form),
  };
}

function refused(condition: "bad-request" | "not-allowed", detail: string): StanzaError {
  return new StanzaError({ condition, detail: element(detail, NS.commands) });
}
