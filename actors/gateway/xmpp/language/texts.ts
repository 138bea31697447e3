/** The languages of the door: one file each, chosen for each person. */
import type { Texts } from "./catalogue.ts";
import { en } from "./en.ts";
import { fr } from "./fr.ts";

export const LANGUAGES: Readonly<Record<string, Texts>> = Object.freeze({ en, fr });

export const STANDARD_LANGUAGE = "en";

/** Which language these are. */
export function languageOf(texts: Texts): string {
  return Object.entries(LANGUAGES).find(([, known]) => known === texts)?.[0] ?? STANDARD_LANGUAGE;
}

/** `fr-CA` is French; what nobody speaks here is English. */
export function textsOf(language: string | null | undefined): Texts {
  const primary = language?.split("-")[0] ?? STANDARD_LANGUAGE;
  return LANGUAGES[primary] ?? en;
}
