/** Commands about one's account: open it, prove it, leave. */
import { USERNAME_MAX } from "../../../../bus/contracts/ledger/values.ts";
import { LANGUAGES, languageOf, textsOf } from "../language/texts.ts";
import { atGateway, type Command, given, inOrder, type Outcome, text, type Values } from "./command.ts";
import { languageField, settings } from "./settings-command.ts";

export const register: Command = {
  word: "register",
  access: "stranger",
  isMutating: true,
  isFor: atGateway,
  fields: (asking) => [
    { name: "username", label: asking.texts.field.username, kind: "text", isRequired: true },
    languageField(asking),
    { name: "invite", label: asking.texts.field.invite, kind: "text", isRequired: false },
    { name: "terms", label: asking.texts.field.terms, kind: "yes", isRequired: true },
  ],
  // In a chat only what cannot be left out is asked: the rest can be set later.
  read: (words, asking) => {
    const values = inOrder(words, ["username", "invite"]);
    values.set("lang", languageOf(asking.texts));
    if (!values.has("invite")) values.set("invite", "");
    return values;
  },
  async run({ jid, bank, texts }, values) {
    const username = nameIn(given(values, "username"));
    if (username === "") return { kind: "again", field: "username", text: texts.refusal.nameMissing };
    if (given(values, "terms") !== "1") return { kind: "again", field: "terms", text: texts.termsNeeded };
    const language = given(values, "lang");
    const invite = given(values, "invite");
    const { account, recoveryCode } = await bank.register({
      jid,
      username,
      ...(Object.hasOwn(LANGUAGES, language) ? { language } : {}),
      ...(invite === "" ? {} : { invite: invite.slice(0, 64) }),
    });
    const own = textsOf(account.settings.language ?? language);
    const welcome = account.state === "waiting" ? own.registeredWaiting : own.registered;
    const lines = [welcome(account.username)];
    if (recoveryCode === null) return text(lines.join("\n"));
    return { kind: "text", text: [...lines, own.recovery(recoveryCode)].join("\n"), isSecret: true };
  },
};

export const verify: Command = {
  word: "verify",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [{ name: "code", label: texts.field.code, kind: "secret", isRequired: true }],
  read: (words) => inOrder(words, ["code"]),
  async run({ bank, jid, texts }, values) {
    const code = given(values, "code").slice(0, 64);
    if (code === "") return { kind: "again", field: "code", text: texts.usageIs(texts.words.verify) };
    // Six digits are a one-time code; nothing else is so short.
    const proof = /^\d{3} ?\d{3}$/.test(code) ? { oneTimeCode: code } : { recoveryCode: code };
    await bank.verify({ jid, proof });
    return text(texts.verified);
  },
};

export const leave: Command = {
  word: "leave",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [{ name: "address", label: texts.field.sweep, kind: "text", isRequired: false }],
  read: (words) => new Map([["address", words[0] ?? ""]]),
  async run({ bank, jid, texts, space }, values): Promise<Outcome> {
    const typed = given(values, "address");
    const address = typed === "" ? undefined : space.address(typed);
    if (typed !== "" && address === undefined)
      return { kind: "again", field: "address", text: texts.badAddress };
    const { order, isClosed } = await bank.leave({ jid, ...(address === undefined ? {} : { address }) });
    if (order !== null) return { kind: "order", order, note: texts.leaveQueued };
    return text(isClosed ? texts.farewell : texts.refusal.notEmpty);
  },
};

export const ACCOUNT_COMMANDS: readonly Command[] = [register, settings, verify, leave];

/** As much of what was typed as anybody reads: what is longer is no name, as this much of it is none. */
export function nameIn(typed: string): string {
  return typed.trim().slice(0, USERNAME_MAX);
}

/** Whether these values open an account. */
export function registrationValues(username: string, lang: string | undefined, terms: string): Values {
  return new Map([
    ["username", username],
    ["terms", terms],
    ...(lang === undefined ? [] : [["lang", lang] as const]),
  ]);
}
