/** XEP-0106: how characters that a local part of a JID may not hold are written in one. */

const CODES: Readonly<Record<string, string>> = {
  " ": "\\20",
  '"': "\\22",
  "&": "\\26",
  "'": "\\27",
  "/": "\\2f",
  ":": "\\3a",
  "<": "\\3c",
  ">": "\\3e",
  "@": "\\40",
};

const CHARACTERS: Readonly<Record<string, string>> = Object.fromEntries([
  ...Object.entries(CODES).map(([character, code]) => [code, character]),
  ["\\5c", "\\"],
]);

const CODE = /\\(?:20|22|26|27|2f|3a|3c|3e|40|5c)/g;

/** A backslash is written as a code only where it would read as the beginning of one. */
export function escapeLocal(text: string): string {
  return text
    .replace(/\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g, "\\5c")
    .replace(/[ "&'/:<>@]/g, (character) => CODES[character] as string);
}

export function unescapeLocal(local: string): string {
  return local.replace(CODE, (code) => CHARACTERS[code] as string);
}
