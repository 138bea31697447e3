/** A number that was typed, in bounds. */
import { misuse } from "./errors.ts";

/** @throws misuse, in words for whoever typed it: `what` is its name as it was typed. */
export function wholeNumber(what: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (value < least || value > most) {
    throw misuse(`${what} is a whole number from ${least} to ${most}, not "${text}".`);
  }
  return value;
}
