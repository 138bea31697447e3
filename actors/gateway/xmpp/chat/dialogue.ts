/** Filling a form by chat: one question for each field that was left open, one dialogue for each person. */
import type { Clock } from "../../../../runtime/clock.ts";
import type { Asking, Command, Field, Values } from "../commands/command.ts";
import { RecentMap } from "../guard/recent-map.ts";
import { LANGUAGES } from "../language/texts.ts";

const DIALOGUES_MAX = 5_000;
const PATIENCE_MS = 10 * 60_000;

export interface Dialogue {
  readonly command: Command;
  /** Where it was begun: it goes on there only. */
  readonly place: string;
  readonly values: Map<string, string>;
  /** Fields that were asked, the last is the one that waits. */
  readonly asked: Field[];
  readonly untilMs: number;
}

/** What a dialogue comes to with one answer. */
export type Step =
  | { readonly kind: "ask"; readonly field: Field; readonly note?: string }
  | { readonly kind: "run"; readonly values: Values }
  | { readonly kind: "dropped" };

export class Dialogues {
  readonly #clock: Clock;
  readonly #open = new RecentMap<string, Dialogue>(DIALOGUES_MAX);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(jid: string, place: string): Dialogue | undefined {
    const found = this.#open.get(jid);
    if (found === undefined) return undefined;
    if (this.#clock.monotonicMs() <= found.untilMs) return found.place === place ? found : undefined;
    this.#open.delete(jid);
    return undefined;
  }

  /** Whether one was open and took too long. */
  hasExpired(jid: string): boolean {
    const found = this.#open.get(jid);
    const isOld = found !== undefined && this.#clock.monotonicMs() > found.untilMs;
    if (isOld) this.#open.delete(jid);
    return isOld;
  }

  begin(jid: string, place: string, command: Command, values: Values, asking: Asking, field?: string): Step {
    const fields = command.fields(asking);
    const kept = new Map(values);
    if (field !== undefined) kept.delete(field);
    return this.#next(jid, { command, place, values: kept, asked: [], untilMs: 0 }, fields);
  }

  answer(jid: string, dialogue: Dialogue, said: string, asking: Asking): Step {
    const { texts } = asking;
    const word = said.trim().toLowerCase();
    const is = (own: string, english: string) => word === own || word === english;
    if (is(texts.words.cancel, "cancel")) return this.drop(jid);
    const fields = dialogue.command.fields(asking);
    const field = dialogue.asked.at(-1);
    if (field === undefined) return this.drop(jid);
    if (is(texts.back, "back") && dialogue.asked.length > 1) {
      dialogue.asked.pop();
      const before = dialogue.asked.pop() as Field;
      dialogue.values.delete(before.name);
      dialogue.values.delete(field.name);
      return this.#next(jid, dialogue, fields);
    }
    const value =
      is(texts.next, "next") && !field.isRequired
        ? (field.standard ?? "")
        : read(field, said, texts.yes, texts.no);
    if (value === undefined) return this.#ask(jid, dialogue, field, texts.chooseNumber);
    dialogue.values.set(field.name, value);
    return this.#next(jid, dialogue, fields);
  }

  drop(jid: string): Step {
    this.#open.delete(jid);
    return { kind: "dropped" };
  }

  #next(jid: string, dialogue: Dialogue, fields: readonly Field[]): Step {
    const open = fields.find(
      ({ name, isRequired }) => !dialogue.values.has(name) && (isRequired || dialogue.asked.length > 0),
    );
    if (open === undefined) {
      this.#open.delete(jid);
      return { kind: "run", values: dialogue.values };
    }
    dialogue.asked.push(open);
    return this.#ask(jid, dialogue, open);
  }

  #ask(jid: string, dialogue: Dialogue, field: Field, note?: string): Step {
    this.#open.set(jid, { ...dialogue, untilMs: this.#clock.monotonicMs() + PATIENCE_MS });
    return { kind: "ask", field, ...(note === undefined ? {} : { note }) };
  }
}

/** Undefined when it is none of the choices. */
function read(field: Field, said: string, yes: string, no: string): string | undefined {
  const word = said.trim();
  const options =
    field.kind === "yes"
      ? [
          { value: "1", label: yes },
          { value: "0", label: no },
        ]
      : field.options;
  if (options === undefined) return word;
  const chosen = options.find(
    ({ value, label }, at) =>
      word === String(at + 1) || [value, label].some((one) => one.toLowerCase() === word.toLowerCase()),
  );
  return chosen?.value ?? (field.kind === "yes" ? anywhere(word.toLowerCase()) : undefined);
}

/** Yes and no are understood in every language. */
function anywhere(word: string): string | undefined {
  const languages = Object.values(LANGUAGES);
  if (languages.some(({ yes }) => yes.toLowerCase() === word)) return "1";
  return languages.some(({ no }) => no.toLowerCase() === word) ? "0" : undefined;
}

/** The choices of a field as people are shown them. */
export function choicesOf(field: Field, yes: string, no: string): string[] {
  const labels = field.kind === "yes" ? [yes, no] : (field.options ?? []).map(({ label }) => label);
  return labels.map((label, at) => `${at + 1}: ${label}`);
}
