/** The opening of a commitment as it travels in `!auth`, and what a maker asks of the coin behind it. */
import { bytesToHex, equalBytes, hexToBytes } from "../../bitcoin/bytes.ts";
import { keyScript } from "../../bitcoin/keys/key-script.ts";
import { JoinmarketError } from "../errors.ts";
import { type CoinHints, formatCoin, parseCoin } from "../messages/coin.ts";
import type { Opening } from "./commitment.ts";

/** Two numbers, three keys and hashes, and a script with its height at the most: nothing longer is even looked at. */
const TEXT_LENGTH_MAX = 1_000;

/** `txid:vout|P|P2|s|e`; with hints only for a maker that said it reads them: others fail on them. */
export function formatRevelation({ txid, vout, P, P2, s, e }: Opening, hints?: CoinHints): string {
  const coin = formatCoin(hints === undefined ? { txid, vout } : { txid, vout, hints });
  return [coin, ...[P, P2, s, e].map(bytesToHex)].join("|");
}

/** Reads one. What helps makers without an index of their own is not looked at here, as our index knows it. */
export function parseRevelation(text: string): Opening {
  const fields = text.length > TEXT_LENGTH_MAX ? [] : text.split("|");
  const [named = "", P = "", P2 = "", s = "", e = ""] = fields;
  const coin = parseCoin(named);
  if (fields.length !== 5 || coin === undefined) throw badRevelation();
  try {
    return { txid: coin.txid, vout: coin.vout, ...readAll({ P, P2, s, e }) };
  } catch (cause) {
    throw badRevelation(cause);
  }
}

/** The coin that a taker showed, as our own index knows it. */
export interface ShownCoin {
  readonly valueSat: number;
  readonly scriptPubKey: Uint8Array;
  readonly confirmations: number;
}

export interface ShownCoinRules {
  readonly amountSat: number;
  readonly confirmationsMin: number;
  /** How much of the amount the coin must be worth, in hundredths. */
  readonly percentMin: number;
}

/** Why a maker does not take a coin as the one behind a commitment; nothing if it does. */
export function shownCoinFault(
  coin: ShownCoin | undefined,
  publicKey: Uint8Array,
  rules: ShownCoinRules,
): "unknown" | "too-young" | "too-small" | "other-key" | undefined {
  if (coin === undefined) return "unknown";
  if (coin.confirmations < rules.confirmationsMin) return "too-young";
  if (coin.valueSat < Math.floor((rules.amountSat * rules.percentMin) / 100)) return "too-small";
  const kinds = ["p2wpkh", "p2sh-p2wpkh", "p2pkh"] as const;
  const isPaid = kinds.some((kind) => equalBytes(keyScript(publicKey, kind), coin.scriptPubKey));
  return isPaid ? undefined : "other-key";
}

function readAll({ P, P2, s, e }: Readonly<Record<"P" | "P2" | "s" | "e", string>>) {
  return { P: exact(P, 33), P2: exact(P2, 33), s: exact(s, 32), e: exact(e, 32) };
}

function exact(hex: string, lengthBytes: number): Uint8Array {
  if (hex.length !== 2 * lengthBytes) throw badRevelation();
  return hexToBytes(hex);
}

function badRevelation(cause?: unknown): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_BAD_REVELATION" },
    "the opening of a commitment has five fields: coin, two points, response and challenge, in hex",
    cause === undefined ? undefined : { cause },
  );
}
