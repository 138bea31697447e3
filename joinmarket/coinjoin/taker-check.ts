/** What a taker checks: each maker's answer before it builds, each maker's signature, and the transaction before it signs, last of all. */
import { equalBytes } from "../../bitcoin/bytes.ts";
import { isPublicKey } from "../../bitcoin/keys/curve.ts";
import { keyScript } from "../../bitcoin/keys/key-script.ts";
import type { Network } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { verifyMessageDer } from "../../bitcoin/signing/message.ts";
import type { Transaction } from "../../bitcoin/transaction.ts";
import { checkTransaction } from "../../bitcoin/transaction-check.ts";
import { totalSat } from "../coins/select.ts";
import { makerChangeSat } from "./maker-check.ts";
import { type CoinjoinCoin, indexesOf, outpointOf, outputsWorth, valuesTo } from "./own-side.ts";
import { MAKER_CHANGE_SAT_MIN, type MakerPart } from "./shape.ts";

/** A coin that a maker named, as our own index knows it. */
export interface MakerCoin extends CoinjoinCoin {
  readonly confirmations: number;
}

/** A maker's `!ioauth`, and what was agreed before. */
export interface MakerAnswer {
  /** Nothing for one that does not exist or is spent. */
  readonly coins: readonly (MakerCoin | undefined)[];
  readonly authPublicKey: Uint8Array;
  readonly authSignatureDer: Uint8Array;
  /** The maker's encryption key in hex, as its `!pubkey` gave it: what the coin's key signs for. */
  readonly encryptionKeyHex: string;
  readonly coinjoinAddress: string;
  readonly changeAddress: string;
  readonly coinjoinFeeSat: number;
  readonly txfeeSat: number;
}

export interface MakerAnswerRules {
  readonly network: Network;
  readonly amountSat: number;
  /** The taker pays for the makers' inputs: nobody may bring more than this. */
  readonly inputsMax: number;
  /** Outpoints and scripts that the taker and the makers before this one have in the transaction. */
  readonly outpoints: ReadonlySet<string>;
  readonly scripts: ReadonlySet<string>;
}

export type AnswerRefusal =
  | "no-coins"
  | "too-many-coins"
  | "coin-unknown"
  | "coin-unconfirmed"
  | "coin-twice"
  | "auth-signature"
  | "auth-key-owns-no-coin"
  | "address-invalid"
  | "address-twice"
  | "change-too-small";

export type AnswerVerdict =
  | {
      readonly isGood: true;
      readonly part: MakerPart;
      readonly outpoints: readonly string[];
      readonly scripts: readonly string[];
    }
  | { readonly isGood: false; readonly refusal: AnswerRefusal };

/** Judges one maker's answer; a good one comes back as its part of the transaction, with what the next must not repeat. */
export function checkMakerAnswer(answer: MakerAnswer, rules: MakerAnswerRules): AnswerVerdict {
  const coins = answer.coins.filter((coin) => coin !== undefined);
  if (answer.coins.length === 0) return refused("no-coins");
  if (answer.coins.length > rules.inputsMax) return refused("too-many-coins");
  if (coins.length < answer.coins.length) return refused("coin-unknown");
  if (coins.some(({ confirmations }) => confirmations < 1)) return refused("coin-unconfirmed");
  const outpoints = coins.map(outpointOf);
  if (hasRepeated(outpoints, rules.outpoints)) return refused("coin-twice");

  const { authPublicKey, authSignatureDer, encryptionKeyHex } = answer;
  if (!verifyMessageDer(Buffer.from(encryptionKeyHex, "ascii"), authSignatureDer, authPublicKey)) {
    return refused("auth-signature");
  }
  if (!coins.some(({ scriptPubKey }) => isPaidTo(authPublicKey, scriptPubKey))) {
    return refused("auth-key-owns-no-coin");
  }

  const coinjoinScript = scriptOrNothing(answer.coinjoinAddress, rules.network);
  const changeScript = scriptOrNothing(answer.changeAddress, rules.network);
  if (coinjoinScript === undefined || changeScript === undefined) return refused("address-invalid");
  const scripts = [coinjoinScript, changeScript].map((script) => Buffer.from(script).toString("hex"));
  if (hasRepeated(scripts, rules.scripts)) return refused("address-twice");

  const { coinjoinFeeSat, txfeeSat } = answer;
  const part = { coins, coinjoinScript, changeScript, coinjoinFeeSat, txfeeSat };
  if (!(makerChangeSat({ ...part, amountSat: rules.amountSat }) >= MAKER_CHANGE_SAT_MIN)) {
    return refused("change-too-small");
  }
  return { isGood: true, part, outpoints, scripts };
}

/** What the taker's wallet reserved and allowed, from its own records. */
export interface TakerPlan {
  readonly network: Network;
  readonly coins: readonly CoinjoinCoin[];
  /** Nothing for a sweep: then all that is not paid in fees must arrive. */
  readonly amountSat: number | undefined;
  readonly destinationScript: Uint8Array;
  readonly changeScript: Uint8Array;
  /** The most that all makers together, and the miners, may get. */
  readonly makerFeesSatMax: number;
  readonly minerFeeSatMax: number;
  /** How many equal outputs there must be, our own among them. */
  readonly participantsMin: number;
}

export type TakerRefusal =
  | "malformed"
  | "bad-plan"
  | "own-coin-missing"
  | "destination-not-once"
  | "destination-amount"
  | "change-more-than-once"
  | "costs-too-much"
  | "too-few-equal-outputs";

export type TakerVerdict =
  | { readonly isGood: true; readonly ownInputs: readonly number[]; readonly costSat: number }
  | { readonly isGood: false; readonly refusal: TakerRefusal };

/**
 * Whether the wallet may sign a taker's transaction: what goes in and does not come back, to the destination or as
 * change, is no more than makers and miners were allowed. Who of them gets how much, the wallet cannot know.
 */
export function checkAsTaker(transaction: Transaction, plan: TakerPlan): TakerVerdict {
  const { network, coins, amountSat, destinationScript, changeScript } = plan;
  if (!isSane(plan)) return refused("bad-plan");
  if (checkTransaction(transaction, network) !== undefined) return refused("malformed");
  const ownInputs = indexesOf(transaction, coins);
  if (ownInputs === undefined) return refused("own-coin-missing");

  const [destinationSat = 0, ...moreDestination] = valuesTo(transaction, destinationScript);
  if (moreDestination.length > 0 || destinationSat === 0) return refused("destination-not-once");
  if (amountSat !== undefined && destinationSat !== amountSat) return refused("destination-amount");
  const [changeSat = 0, ...moreChange] = valuesTo(transaction, changeScript);
  if (moreChange.length > 0) return refused("change-more-than-once");

  const costSat = totalSat(coins) - destinationSat - changeSat;
  if (costSat > plan.makerFeesSatMax + plan.minerFeeSatMax) return refused("costs-too-much");
  const participants = outputsWorth(transaction, destinationSat) - (changeSat === destinationSat ? 1 : 0);
  if (participants < plan.participantsMin) return refused("too-few-equal-outputs");
  return { isGood: true, ownInputs, costSat };
}

/** One script for both outputs would let one output stand for two. */
function isSane(plan: TakerPlan): boolean {
  const { coins, amountSat, makerFeesSatMax, minerFeeSatMax, participantsMin } = plan;
  const amounts = [amountSat ?? 1, makerFeesSatMax, minerFeeSatMax, participantsMin];
  return (
    amounts.every((value) => Number.isSafeInteger(value) && value >= 0) &&
    coins.every(({ valueSat }) => Number.isSafeInteger(valueSat) && valueSat > 0) &&
    coins.length > 0 &&
    amountSat !== 0 &&
    participantsMin >= 2 &&
    !equalBytes(plan.destinationScript, plan.changeScript)
  );
}

function isPaidTo(publicKey: Uint8Array, script: Uint8Array): boolean {
  return (
    isPublicKey(publicKey) &&
    (equalBytes(keyScript(publicKey, "p2wpkh"), script) ||
      equalBytes(keyScript(publicKey, "p2sh-p2wpkh"), script))
  );
}

function scriptOrNothing(address: string, network: Network): Uint8Array | undefined {
  try {
    return scriptOfAddress(address, network);
  } catch {
    // A wrong address is the maker's fault, not ours: it is told by the verdict.
    return undefined;
  }
}

function hasRepeated(mine: readonly string[], others: ReadonlySet<string>): boolean {
  return new Set(mine).size < mine.length || mine.some((item) => others.has(item));
}

function refused<R extends string>(refusal: R): { readonly isGood: false; readonly refusal: R } {
  return { isGood: false, refusal };
}
