/** Registration in band (XEP-0077) and the prompt by which clients of gateways find contacts (XEP-0100). */
import { hasCode } from "../../../../runtime/errors.ts";
import { nameIn, register, registrationValues } from "../commands/account-commands.ts";
import type { Asking } from "../commands/command.ts";
import { partyOfText } from "../commands/party.ts";
import { isGateway } from "../disco/disco.ts";
import { formElement, legacyValue, submittedValues } from "../forms/data-form.ts";
import { LANGUAGES, languageOf } from "../language/texts.ts";
import { childOf, childTextOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import type { Entity } from "../names/entity.ts";
import { bareJid } from "../names/jid.ts";
import type { People } from "../people/people.ts";
import type { Question } from "../router/question.ts";
import { notFound, StanzaError } from "../router/stanza-error.ts";

export interface RegistrationOptions {
  readonly people: People;
  /** With the words for the person, after the answer went out. */
  readonly registered: (jid: string, welcome: string) => void;
  readonly removed: (jid: string) => void;
  readonly changed: (jid: string) => void;
}

export class Registration {
  readonly #options: RegistrationOptions;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  async answer(question: Question): Promise<readonly Element[] | undefined> {
    if (!isGateway(question.to) || question.payload.name !== "query") return undefined;
    const asking = await this.#asking(question);
    if (!question.isSet) return [form(asking)];
    if (childOf(question.payload, "remove", NS.register) !== undefined) return this.#remove(asking);
    return this.#set(question.payload, asking);
  }

  async #set(query: Element, asking: Asking): Promise<readonly Element[]> {
    const values = submittedValues(query);
    const username = nameIn(values?.get("username") ?? legacyValue(query, "username") ?? "");
    const { texts, account, bank, jid } = asking;
    const refuse = (text: string) =>
      new StanzaError({ condition: "not-acceptable", text, language: languageOf(asking.texts) });
    if (username === "") throw refuse(texts.refusal.nameMissing);
    if (account !== undefined) {
      if (username !== account.username) await bank.rename({ jid, username });
      this.#options.changed(jid);
      return [];
    }
    // Clients that know no forms cannot ask; the instructions have said what registering means.
    const terms = values === undefined ? "1" : (values.get("terms") ?? "");
    const outcome = await register.run(
      asking,
      registrationValues(username, values?.get("lang"), terms === "true" ? "1" : terms),
    );
    if (outcome.kind !== "text") throw refuse("text" in outcome ? outcome.text : texts.refusal.nameMissing);
    // The answer to the question has no room for words, and a recovery code is told only once.
    this.#options.registered(jid, outcome.text);
    return [];
  }

  async #remove({ texts, account, bank, jid }: Asking): Promise<readonly Element[]> {
    const language = languageOf(texts);
    if (account === undefined) {
      throw new StanzaError({ condition: "registration-required", text: texts.refusal.noAccount, language });
    }
    try {
      await bank.close({ jid });
    } catch (error) {
      if (!hasCode(error, "LEDGER_NOT_EMPTY")) throw error;
      throw new StanzaError({ condition: "not-allowed", text: texts.refusal.notEmpty, language });
    }
    this.#options.removed(jid);
    return [];
  }

  async prompt(question: Question): Promise<readonly Element[] | undefined> {
    if (!isGateway(question.to) || question.payload.name !== "query") return undefined;
    const { texts, space, bank, jid } = await this.#asking(question);
    const part = (name: string, text: string) => element(name, NS.gateway, {}, text);
    if (!question.isSet)
      return [
        element("query", NS.gateway, {}, part("desc", texts.promptDescription), part("prompt", texts.prompt)),
      ];
    const typed = (childTextOf(question.payload, "prompt", NS.gateway) ?? "").slice(0, 1_000);
    if (typed.trim() === "")
      throw new StanzaError({ condition: "not-acceptable", text: texts.promptDescription });
    const party = partyOfText(typed, space);
    if (party === undefined) throw notFound();
    let entity: Entity;
    if ("address" in party) entity = { kind: "address", address: party.address };
    else {
      const found = await bank.lookup({ jid, what: party });
      const username = found.party?.username;
      if (username == null) throw notFound();
      entity = { kind: "username", username: username.toLowerCase() };
    }
    return [element("query", NS.gateway, {}, part("jid", space.jidOf(entity)))];
  }

  #asking({ iq, from, to }: Question): Promise<Asking> {
    return this.#options.people.asking(bareJid(from), to, { language: iq.attrs["xml:lang"] });
  }
}

function form({ texts, account }: Asking): Element {
  const isKnown = account !== undefined;
  const name = account?.username ?? "";
  const instructions = isKnown
    ? texts.registeredInstructions
    : `${texts.registerInstructions} ${texts.field.terms}.`;
  const languages = Object.entries(LANGUAGES).map(([value, { name: label }]) => ({ value, label }));
  return element(
    "query",
    NS.register,
    {},
    isKnown ? element("registered", NS.register) : undefined,
    element("instructions", NS.register, {}, instructions),
    name === "" ? element("username", NS.register) : element("username", NS.register, {}, name),
    formElement({
      title: texts.registerTitle,
      instructions,
      fields: [
        { name: "FORM_TYPE", type: "hidden", value: NS.register },
        { name: "username", type: "text-single", label: texts.field.username, value: name, isRequired: true },
        {
          name: "lang",
          type: "list-single",
          label: texts.field.language,
          value: account?.settings.language ?? languageOf(texts),
          options: languages,
        },
        ...(isKnown
          ? []
          : [
              {
                name: "terms",
                type: "boolean",
                label: texts.field.terms,
                value: "0",
                isRequired: true,
              } as const,
            ]),
      ],
    }),
  );
}
