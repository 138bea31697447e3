/** What an operator may say of user names: `[first][rest]{fewest,most}`, letters of one script. Read character by character: no expression of anybody's is ever run. */

export interface NamePattern {
  /** As written, for people. */
  readonly first: string;
  readonly rest: string;
  /** Characters of a whole name. */
  readonly fewest: number;
  readonly most: number;
  readonly isFirst: (character: string) => boolean;
  readonly isRest: (character: string) => boolean;
}

export const STANDARD_NAME_PATTERN = "[a-z][a-z0-9_]{1,29}";
/** The local part of a JID may have more bytes than so many characters of any script. */
const MOST = 64;
/** More than the letters of any alphabet; syllabaries and ideographs look too much alike. */
const CLASS_CHARACTERS_MAX = 400;
const PATTERN_LENGTH_MAX = 200;
/** One of these, and nothing of another: letters of two look alike. */
const SCRIPTS: readonly [string, RegExp][] = [
  ["Latin", /^\p{Script=Latin}$/u],
  ["Greek", /^\p{Script=Greek}$/u],
  ["Cyrillic", /^\p{Script=Cyrillic}$/u],
  ["Armenian", /^\p{Script=Armenian}$/u],
  ["Georgian", /^\p{Script=Georgian}$/u],
  ["Hebrew", /^\p{Script=Hebrew}$/u],
  ["Arabic", /^\p{Script=Arabic}$/u],
  ["Devanagari", /^\p{Script=Devanagari}$/u],
  ["Thai", /^\p{Script=Thai}$/u],
];

/** Or why it is none, as the end of a sentence. */
export function readNamePattern(text: string): NamePattern | { readonly problem: string } {
  if (text.length > PATTERN_LENGTH_MAX) return { problem: `at most ${PATTERN_LENGTH_MAX} characters` };
  const shape = /^\[([^[\]{}]+)\]\[([^[\]{}]+)\]\{(\d{1,2}),(\d{1,2})\}$/u.exec(text);
  if (shape === null)
    return { problem: `the form [first][rest]{fewest,most}, such as ${STANDARD_NAME_PATTERN}` };
  const [, first = "", rest = "", fewest = "", most = ""] = shape;
  const counts = { fewest: 1 + Number(fewest), most: 1 + Number(most) };
  if (Number(fewest) < 1 || counts.fewest > counts.most || counts.most > MOST)
    return { problem: `between 1 and ${MOST - 1} characters after the first, the fewer number first` };
  const begins = charactersOf(first);
  const goesOn = charactersOf(rest);
  if ("problem" in begins) return begins;
  if ("problem" in goesOn) return goesOn;
  const all = [...begins.characters, ...goesOn.characters];
  const problem = problemOf([...begins.characters], all);
  if (problem !== undefined) return { problem };
  return {
    ...counts,
    first,
    rest,
    isFirst: (character) => begins.characters.has(character),
    isRest: (character) => goesOn.characters.has(character),
  };
}

export function fitsNamePattern(name: string, { fewest, most, isFirst, isRest }: NamePattern): boolean {
  const [first = "", ...rest] = name;
  const length = 1 + rest.length;
  return length >= fewest && length <= most && isFirst(first) && rest.every(isRest);
}

/** Characters, and spans of them. */
function charactersOf(
  written: string,
): { readonly characters: ReadonlySet<string> } | { readonly problem: string } {
  const symbols = [...written];
  const characters = new Set<string>();
  for (let at = 0; at < symbols.length; at++) {
    const symbol = symbols[at] as string;
    const isSpan = symbols[at + 1] === "-" && at + 2 < symbols.length;
    const from = symbol.codePointAt(0) as number;
    const until = isSpan ? ((symbols[at + 2] as string).codePointAt(0) as number) : from;
    if (until < from || until - from >= CLASS_CHARACTERS_MAX)
      return { problem: `spans of at most ${CLASS_CHARACTERS_MAX} characters, the first of them first` };
    for (let code = from; code <= until; code++) characters.add(String.fromCodePoint(code));
    if (isSpan) at += 2;
  }
  return characters.size > CLASS_CHARACTERS_MAX
    ? { problem: `at most ${CLASS_CHARACTERS_MAX} characters in brackets` }
    : { characters };
}

function problemOf(begins: readonly string[], all: readonly string[]): string | undefined {
  const digit = begins.find((one) => !/^\p{L}$/u.test(one));
  if (digit !== undefined) return `letters alone in the first brackets, not ${named(digit)}`;
  const strange = all.find((one) => !/^[\p{L}0-9_]$/u.test(one));
  if (strange !== undefined) return `letters, 0 to 9 and _ alone, not ${named(strange)}`;
  // Names are folded before they are looked at, so it could never be in one.
  const folded = all.find((one) => one.normalize("NFKC").toLowerCase() !== one);
  if (folded !== undefined) return `letters as they are after folding, in lower case, not ${named(folded)}`;
  const letters = all.filter((one) => /^\p{L}$/u.test(one));
  const isOneScript = SCRIPTS.some(([, script]) => letters.every((letter) => script.test(letter)));
  return isOneScript ? undefined : `letters of one script of ${SCRIPTS.map(([name]) => name).join(", ")}`;
}

function named(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0");
  return `"${character}" (U+${code})`;
}
