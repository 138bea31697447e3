/** Conversations: what people write is found to be a command, an address or an answer, and is answered where it was said. */
import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../../../runtime/clock.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { type Asking, atGateway, type Command, type Outcome, type Values } from "../commands/command.ts";
import { commandOf, isPermitted, offeredCommands } from "../commands/commands.ts";
import { Once } from "../commands/once.ts";
import { inFours } from "../commands/party.ts";
import type { Incoming } from "../door.ts";
import { RecentMap } from "../guard/recent-map.ts";
import type { Texts } from "../language/catalogue.ts";
import { refusalOf } from "../language/refusals.ts";
import { LANGUAGES } from "../language/texts.ts";
import { childOf, childTextOf, type Element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { bareJid } from "../names/jid.ts";
import type { People } from "../people/people.ts";
import { choicesOf, Dialogues, type Step } from "./dialogue.ts";
import { findCommand, languageOfWord } from "./find-command.ts";
import { isPaymentLink, readPaymentLink } from "./payment-link.ts";
import { asMessages, chatText } from "./render.ts";

const ANSWERS_KEPT_MAX = 20_000;
/** Who has waited for so long is told what for, where the command has a word for it. */
const LONG_MS = 3_000;
const LATE_MS = 120_000;
const CONVERSATIONS_MAX = 10_000;

export interface Reply {
  readonly body: string;
  /** From whom: the address that was typed, where it is to be talked to. Otherwise whom the message was for. */
  readonly from?: string;
  readonly isSecret?: boolean;
  /** What a code says that can be shown beside the words. */
  readonly code?: string;
}

export interface ChatOptions {
  readonly people: People;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after a command that may have changed what the person has, or is. */
  readonly changed: (jid: string) => void;
  /** An account was opened by chat. */
  readonly registered: (jid: string) => void;
}

export class Chat {
  readonly #options: ChatOptions;
  readonly #dialogues: Dialogues;
  /** A message that comes twice is answered as it was the first time. */
  readonly #once: Once<readonly Reply[]>;
  /** One after the other for each person: what was said first is answered first. */
  readonly #turns = new RecentMap<string, Promise<unknown>>(CONVERSATIONS_MAX);
  /** What those speak who have no account yet. */
  readonly #spoken = new RecentMap<string, Texts>(CONVERSATIONS_MAX);

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#dialogues = new Dialogues(options.clock);
    this.#once = new Once(options.clock, ANSWERS_KEPT_MAX);
  }

  /** What is answered to a message; nothing to one without words. Never rejects. */
  answer(incoming: Incoming, meanwhile: (words: string) => void): Promise<readonly Reply[]> {
    const jid = bareJid(incoming.from);
    const before = this.#turns.get(jid) ?? Promise.resolve();
    const turn = before.then(() => this.#guarded(jid, incoming, meanwhile));
    this.#turns.set(jid, turn);
    return turn;
  }

  async #guarded(
    jid: string,
    incoming: Incoming,
    meanwhile: (words: string) => void,
  ): Promise<readonly Reply[]> {
    let asking: Asking | undefined;
    try {
      const { stanza, to } = incoming;
      if (
        childOf(stanza, "encrypted", "eu.siacs.conversations.axolotl") !== undefined ||
        childOf(stanza, "encryption", NS.encryption) !== undefined
      ) {
        asking = await this.#options.people.asking(jid, to, { language: stanza.attrs["xml:lang"] });
        return [{ body: asking.texts.encrypted }];
      }
      const body = (childTextOf(stanza, "body", "") ?? "").normalize("NFC").trim();
      if (body === "") return [];
      const requestId = requestIdOf(stanza, body);
      const known = await this.#options.people.asking(jid, to, {
        language: stanza.attrs["xml:lang"],
        requestId,
        client: incoming.from.resource,
      });
      const texts = known.account === undefined ? this.#textsFor(known, body) : known.texts;
      asking = { ...known, texts, meanwhile };
      return await this.#once.answer(jid, requestId, () =>
        this.#answerWords(asking as Asking, body, isLate(stanza, this.#options.clock)),
      );
    } catch (error) {
      return [{ body: this.#problemText(error, asking) }];
    }
  }

  /** English words prove nothing: many type them. */
  #textsFor({ jid, texts }: Asking, body: string): Texts {
    const spoken = languageOfWord(body.split(/\s+/)[0] ?? "", Object.values(LANGUAGES));
    if (spoken !== undefined && spoken !== LANGUAGES["en"]) this.#spoken.set(jid, spoken);
    return this.#spoken.get(jid) ?? texts;
  }

  async #answerWords(asking: Asking, body: string, isTooLate: boolean): Promise<readonly Reply[]> {
    const { jid, texts, to, space } = asking;
    const place = space.jidOf(to);
    const dialogue = this.#dialogues.get(jid, place);
    if (dialogue !== undefined) {
      if (isTooLate) return [{ body: texts.tooOld }];
      return this.#take(this.#dialogues.answer(jid, dialogue, body, asking), dialogue.command, asking, place);
    }
    const expired = this.#dialogues.hasExpired(jid) ? `${texts.expired}\n` : "";
    if (atGateway(to)) {
      const address = space.address(body);
      if (address !== undefined && asking.account !== undefined && !space.isAccount)
        return [
          { body: texts.addressChat(inFours(address)), from: space.jidOf({ kind: "address", address }) },
        ];
      if (address !== undefined && asking.account !== undefined)
        return this.#perform(commandOf("pay"), [body], asking, isTooLate, place);
      if (isPaymentLink(body)) {
        const link = readPaymentLink(body, (text) => space.address(text));
        if ("problem" in link) return [{ body: texts.badLink(texts.linkWhy[link.problem]) }];
        return this.#perform(commandOf("pay"), [body], asking, isTooLate, place);
      }
    }
    const [word = "", ...rest] = body.split(/\s+/);
    const offered = offeredCommands(asking);
    const found = findCommand(word, texts, Object.values(LANGUAGES), (one) =>
      offered.some((command) => command.word === one),
    );
    const shown = word.slice(0, 40);
    if (found === undefined) return [{ body: expired + this.#unknown(asking, shown) }];
    if ("candidates" in found)
      return [{ body: expired + texts.ambiguous(shown, found.candidates.join(", ")) }];
    return this.#perform(commandOf(found.command), rest, asking, isTooLate, place);
  }

  #unknown({ texts, account }: Asking, word: string): string {
    return account === undefined ? texts.notRegistered(texts.words.register) : texts.unknownCommand(word);
  }

  async #perform(
    command: Command,
    words: readonly string[],
    asking: Asking,
    isTooLate: boolean,
    place: string,
  ): Promise<readonly Reply[]> {
    const { texts, account, jid } = asking;
    if (!isPermitted(command, account)) return [{ body: deniedText(command, asking) }];
    const absent = command.whyAbsent?.(asking);
    if (absent !== undefined) return [{ body: absent }];
    if (!offeredCommands(asking).includes(command))
      return [{ body: texts.notHere(texts.words[command.word]) }];
    if (command.isMutating && isTooLate) return [{ body: texts.tooOld }];
    return this.#take(
      this.#dialogues.begin(jid, place, command, command.read(words, asking), asking),
      command,
      asking,
      place,
    );
  }

  async #take(step: Step, command: Command, asking: Asking, place: string): Promise<readonly Reply[]> {
    const { texts } = asking;
    if (step.kind === "dropped") return [{ body: texts.dropped }];
    if (step.kind === "run") return this.#run(command, step.values, asking, place);
    const { field, note } = step;
    const lines = [
      ...(note === undefined ? [] : [note]),
      texts.askField(field.label),
      ...choicesOf(field, texts.yes, texts.no),
      texts.askHint(!field.isRequired, false),
    ];
    return [{ body: lines.join("\n") }];
  }

  async #run(command: Command, values: Values, asking: Asking, place: string): Promise<readonly Reply[]> {
    const { jid, texts } = asking;
    const outcome = await this.#patiently(command, asking, command.run(asking, values));
    if (command.isMutating) this.#options.changed(jid);
    if (command.word === "register" && outcome.kind === "text") this.#options.registered(jid);
    const isAskedAgain =
      outcome.kind === "again" && command.fields(asking).some(({ name }) => name === outcome.field);
    if (!isAskedAgain) {
      const isSecret = outcome.kind === "text" && outcome.isSecret === true;
      const code = outcome.kind === "payment" ? { code: outcome.uri } : {};
      return asMessages(chatText(outcome, command.word, asking)).map((body) => ({ body, isSecret, ...code }));
    }
    const again = outcome as Extract<Outcome, { kind: "again" }>;
    const step = this.#dialogues.begin(jid, place, command, values, asking, again.field);
    if (step.kind !== "ask") return [{ body: again.text }];
    const asked = await this.#take(step, command, asking, place);
    return [{ body: `${again.text}\n${asked[0]?.body ?? texts.dropped}` }];
  }

  async #patiently<T>({ whyLong }: Command, { texts, meanwhile }: Asking, work: Promise<T>): Promise<T> {
    const timer =
      whyLong && this.#options.clock.after(LONG_MS, () => meanwhile?.(whyLong(texts)), { background: true });
    try {
      return await work;
    } finally {
      timer?.cancel();
    }
  }

  #problemText(error: unknown, asking: Asking | undefined): string {
    const texts = asking?.texts ?? LANGUAGES["en"];
    if (texts === undefined) throw error;
    const refusal = refusalOf(error, texts, asking?.unit ?? "sat", this.#options.clock.now());
    if (refusal !== undefined) return refusal.text;
    const reference = randomBytes(4).toString("hex");
    this.#options.log.error("a message over XMPP could not be answered", { reference, error });
    return texts.bug(reference);
  }
}

function deniedText({ access }: Command, { texts, account }: Asking): string {
  if (access === "stranger") return texts.alreadyRegistered(account?.username ?? "");
  return account === undefined ? texts.notRegistered(texts.words.register) : texts.notPermitted;
}

/** The same for a message that comes twice; clients number their messages, and some name them for good. */
function requestIdOf(stanza: Element, body: string): string | undefined {
  const id = childOf(stanza, "origin-id", NS.originId)?.attrs["id"] ?? stanza.attrs["id"];
  if (id === undefined || id === "") return undefined;
  return createHash("sha256").update(`${id}\n${body}`).digest("base64url");
}

/** Kept somewhere on its way for so long that whoever wrote it may not want it any more. */
function isLate(stanza: Element, clock: Clock): boolean {
  const stamp = childOf(stanza, "delay", NS.delay)?.attrs["stamp"];
  if (stamp === undefined) return false;
  const atMs = Date.parse(stamp);
  return !(clock.now() - atMs <= LATE_MS);
}
