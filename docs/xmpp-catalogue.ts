/** English as a catalogue file of the chat door: what translators copy. */
import { en } from "../actors/gateway/xmpp/language/en.ts";

const INDENT = 2;

/** Each text with {1}, {2} … where something is told. */
export function catalogueJson(): string {
  return `${JSON.stringify(shown(en), undefined, INDENT)}\n`;
}

function shown(text: unknown): unknown {
  if (typeof text === "function") {
    const places = Array.from({ length: text.length }, (_, at) => `{${at + 1}}`);
    return text(...places);
  }
  if (typeof text !== "object" || text === null || Array.isArray(text)) return text;
  return Object.fromEntries(Object.entries(text).map(([key, value]) => [key, shown(value)]));
}
