/** How values that clients send are read: with the texts that peers answer to bad ones. */
import { badRequest } from "../protocol-error.ts";

const HASH = /^[0-9a-fA-F]{64}$/;
const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const WHOLE = /^\d{1,15}$/;
const SHOWN_LENGTH = 80;

/** Lower-case hex of 64 digits. */
export function scripthash(given: unknown): string {
  if (typeof given !== "string" || !HASH.test(given)) {
    throw badRequest(`${shown(given)} is not a valid script hash`);
  }
  return given.toLowerCase();
}

/** Lower-case hex of 64 digits. */
export function transactionHash(given: unknown): string {
  if (typeof given !== "string" || !HASH.test(given)) {
    throw badRequest(`${shown(given)} should be a transaction hash`);
  }
  return given.toLowerCase();
}

/** Clients send numbers, and some send them as text. */
export function wholeNumber(given: unknown): number {
  const value = typeof given === "string" && WHOLE.test(given.trim()) ? Number(given) : given;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw badRequest(`${shown(given)} should be a non-negative integer`);
  }
  return value;
}

/** Reads the parameter of that name; 0 and 1 pass as well. */
export function boolean(name: string): (given: unknown) => boolean {
  return (given) => {
    if (given === true || given === 1) return true;
    if (given === false || given === 0) return false;
    throw badRequest(`"${name}" must be a boolean`);
  };
}

export function hex(given: unknown): string {
  if (typeof given !== "string" || !HEX.test(given))
    throw badRequest(`${shown(given)} should be a hex string`);
  return given;
}

/** As clients see heights in texts: 1,000. */
export function thousands(value: number): string {
  return value.toLocaleString("en-US");
}

/** What the client sent, short enough to send back. */
export function shown(given: unknown): string {
  const text = typeof given === "string" ? given : (JSON.stringify(given) ?? "None");
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
