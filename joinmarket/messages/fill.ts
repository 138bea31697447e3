/** A join's first two steps: the taker's `!fill` and the maker's `!pubkey`. */
import { badMessage } from "./bad-message.ts";
import { argumentsOf, type Command, writeCommand } from "./command.ts";
import { COMMITMENT_TYPE } from "./commitment.ts";
import { parseAmount, parseOfferId } from "./numbers.ts";

/** As it came: which of its faults a maker answers, and in which order, is the maker's rule. */
export interface Fill {
  readonly offerId: string;
  readonly amountSat: number;
  readonly encryptionKey: string;
  /** With its type in front. */
  readonly commitment: string;
}

/** A maker's answer: the key of its side of the box, and what newer makers can do. */
export interface MakerKey {
  readonly encryptionKey: string;
  readonly features: ReadonlySet<string>;
}

const KEY = /^[0-9a-f]{64}$/;
const FEATURES = "features=";
const FEATURE = /^[a-z0-9_]{1,40}$/;
const FEATURES_MAX = 16;

/** The one feature that a `!pubkey` may name today: its maker reads coins with their script and height. */
export const EXTENDED_COINS = "neutrino_compat";

export function writeFill({ offerId, amountSat, encryptionKey, commitment }: Fill): string {
  const typed = commitment.startsWith(COMMITMENT_TYPE) ? commitment : `${COMMITMENT_TYPE}${commitment}`;
  return writeCommand("fill", offerId, String(amountSat), encryptionKey, typed);
}

export function parseFill(command: Command): Fill {
  const [id = "", amount = "", encryptionKey = "", commitment = ""] = argumentsOf(command, 4);
  const offerId = parseOfferId(id);
  const amountSat = parseAmount(amount);
  if (offerId === undefined || amountSat === undefined) {
    throw badMessage(command.name, "its offer or its amount is no number");
  }
  return { offerId, amountSat, encryptionKey, commitment };
}

export function writeMakerKey({ encryptionKey, features }: MakerKey): string {
  const names = [...features].sort();
  return writeCommand(
    "pubkey",
    encryptionKey,
    ...(names.length === 0 ? [] : [`${FEATURES}${names.join(",")}`]),
  );
}

export function parseMakerKey(command: Command): MakerKey {
  const [key = ""] = argumentsOf(command, 1);
  const encryptionKey = parseEncryptionKey(key);
  if (encryptionKey === undefined) throw badMessage(command.name, "the key is not 32 bytes in hex");
  const listed = command.args[1]?.startsWith(FEATURES) ? command.args[1].slice(FEATURES.length) : "";
  const features = listed.split(",", FEATURES_MAX).filter((name) => FEATURE.test(name));
  return { encryptionKey, features: new Set(features) };
}

/** A key of the box in the form in which it is signed: lower case. */
export function parseEncryptionKey(text: string): string | undefined {
  const lower = text.length === 64 ? text.toLowerCase() : "";
  return KEY.test(lower) ? lower : undefined;
}
