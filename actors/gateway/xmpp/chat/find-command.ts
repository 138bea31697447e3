/** Which command a word means: whole before shortened, the person's own language before English before all others. */
import type { CommandWord, Texts } from "../language/catalogue.ts";
import { plain } from "../language/words.ts";

export type Found =
  | { readonly command: CommandWord }
  | { readonly candidates: readonly string[] }
  | undefined;

/** `isOffered` says which commands there are for this person at this place: others make no word ambiguous. */
export function findCommand(
  typed: string,
  own: Texts,
  languages: readonly Texts[],
  isOffered: (command: CommandWord) => boolean,
): Found {
  const word = plain(typed);
  const english = languages[0] ?? own;
  const exact = [own, english, ...languages]
    .flatMap(entries)
    .flatMap(([command, written]) => (plain(written) === word ? [command] : []));
  const offered = exact.find(isOffered);
  if (offered !== undefined) return { command: offered };
  for (const texts of [own, english]) {
    const matches = entries(texts).filter(
      ([command, written]) => isOffered(command) && plain(written).startsWith(word),
    );
    const [only] = matches;
    if (matches.length === 1 && only !== undefined) return { command: only[0] };
    if (matches.length > 1) return { candidates: matches.map(([, written]) => written) };
  }
  // Whoever names what is not for him, or not here, is told that, unless it begins something that is.
  const [hidden] = exact;
  return hidden === undefined ? undefined : { command: hidden };
}

/** Of which language alone a word is: who types it speaks that. Undefined for words of none, or of several. */
export function languageOfWord(typed: string, languages: readonly Texts[]): Texts | undefined {
  const word = plain(typed);
  const speaking = languages.filter((texts) => entries(texts).some(([, written]) => plain(written) === word));
  return speaking.length === 1 ? speaking[0] : undefined;
}

function entries(texts: Texts): [CommandWord, string][] {
  return Object.entries(texts.words) as [CommandWord, string][];
}
