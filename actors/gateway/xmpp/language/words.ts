/** Words that people type, as they are compared: without case and accents, for keyboards differ. */

export function plain(word: string): string {
  return word.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
