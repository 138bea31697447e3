/** The languages of the door: one file each, chosen for each person. */
import type { Texts } from "./catalogue.ts";
import { readCatalogueFile } from "./catalogue-file.ts";
import { en } from "./en.ts";
import { fr } from "./fr.ts";

const known: Record<string, Texts> = Object.assign(Object.create(null), { en, fr });

/** By their codes, English first. */
export const LANGUAGES: Readonly<Record<string, Texts>> = known;

export const STANDARD_LANGUAGE = "en";

/** Before anybody is spoken to: the operator's own files. One of a language that is there already takes its place. Throws `GATEWAY_XMPP_LANGUAGE`. */
export function addLanguages(paths: readonly string[]): void {
  for (const path of paths) {
    const { code, texts } = readCatalogueFile(path, Object.values(known));
    known[code] = texts;
  }
}

/** Which language these are. */
export function languageOf(texts: Texts): string {
  return Object.entries(LANGUAGES).find(([, one]) => one === texts)?.[0] ?? STANDARD_LANGUAGE;
}

/** `fr-CA` is French; what nobody speaks here is English. */
export function textsOf(language: string | null | undefined): Texts {
  const primary = language?.split("-")[0] ?? STANDARD_LANGUAGE;
  return LANGUAGES[primary] ?? en;
}
