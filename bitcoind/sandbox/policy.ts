/** What the sandbox relays: Bitcoin Core's standardness rules, so that a transaction it takes is one that the network takes. */

import { feeSat } from "../../bitcoin/fee.ts";
import { dustThresholdSat } from "../../bitcoin/script/dust.ts";
import { isPushOnly, isUnspendable } from "../../bitcoin/script/script.ts";
import { classifyScript } from "../../bitcoin/script/script-type.ts";
import { strippedLengthBytesOf, type Transaction, weightOf } from "../../bitcoin/transaction.ts";
import type { Coin } from "./chain/coins.ts";
import { RuleBroken } from "./refusal.ts";

/** Bitcoin Core's default since version 29.1. */
export const MIN_RELAY_SAT_PER_KVB = 100n;
/** Each replacement pays at least this much more. */
export const INCREMENTAL_SAT_PER_KVB = 100n;

const VERSION_MAX = 3;
const WEIGHT_MAX = 400_000;
const STRIPPED_LENGTH_MIN_BYTES = 65;
const SCRIPT_SIG_MAX_BYTES = 1_650;
const DATA_SCRIPT_MAX_BYTES = 83;
const MULTISIG_KEYS_MAX = 3;
const VERSION_3_MAX_VB = 10_000;
const VERSION_3_CHILD_MAX_VB = 1_000;
/** One is allowed in a transaction without fee, which only a package brings in. The sandbox's packages do not. */
const DUST_OUTPUTS_MAX = 1;

/** BIP141 limits of standard P2WSH spends. */
const WITNESS_SCRIPT_MAX_BYTES = 3_600;
const WITNESS_ITEMS_MAX = 100;
const WITNESS_ITEM_MAX_BYTES = 80;
const ANNEX_TAG = 0x50;

/** Throws with Bitcoin Core's reason if the transaction alone is not standard. */
export function checkStandard(transaction: Transaction): void {
  if (transaction.version < 1 || transaction.version > VERSION_MAX) throw new RuleBroken("version");
  if (weightOf(transaction) > WEIGHT_MAX) throw new RuleBroken("tx-size");
  for (const { scriptSig } of transaction.inputs) {
    if (scriptSig.length > SCRIPT_SIG_MAX_BYTES) throw new RuleBroken("scriptsig-size");
    if (!isPushOnly(scriptSig)) throw new RuleBroken("scriptsig-not-pushonly");
  }
  let dataOutputs = 0;
  let dustOutputs = 0;
  for (const { amountSat, scriptPubKey } of transaction.outputs) {
    const found = classifyScript(scriptPubKey);
    if (found.type === "unknown") throw new RuleBroken("scriptpubkey");
    if (found.type === "multisig" && found.publicKeys.length > MULTISIG_KEYS_MAX) {
      throw new RuleBroken("scriptpubkey");
    }
    if (found.type === "op_return") {
      if (scriptPubKey.length > DATA_SCRIPT_MAX_BYTES) throw new RuleBroken("scriptpubkey");
      dataOutputs++;
    } else if (amountSat < dustThresholdSat(scriptPubKey)) {
      dustOutputs++;
    }
  }
  if (dustOutputs > DUST_OUTPUTS_MAX) throw new RuleBroken("dust");
  if (dataOutputs > 1) throw new RuleBroken("multi-op-return");
  if (strippedLengthBytesOf(transaction) < STRIPPED_LENGTH_MIN_BYTES) throw new RuleBroken("tx-size-small");
}

/** Throws if a coin is spent in a way that is not standard. */
export function checkStandardInputs(transaction: Transaction, coins: readonly Coin[]): void {
  transaction.inputs.forEach((input, i) => {
    const found = classifyScript((coins[i] as Coin).output.scriptPubKey);
    if (found.type === "unknown" || found.type === "witness") {
      throw new RuleBroken("bad-txns-nonstandard-inputs");
    }
    if (!isStandardWitness(found.type, input.witness)) throw new RuleBroken("bad-witness-nonstandard");
  });
}

function isStandardWitness(type: string, witness: readonly Uint8Array[]): boolean {
  if (witness.length === 0) return true;
  if (type === "p2wsh") {
    const items = witness.slice(0, -1);
    return (
      (witness[witness.length - 1] as Uint8Array).length <= WITNESS_SCRIPT_MAX_BYTES &&
      items.length <= WITNESS_ITEMS_MAX &&
      items.every((item) => item.length <= WITNESS_ITEM_MAX_BYTES)
    );
  }
  if (type === "p2tr") {
    const last = witness[witness.length - 1] as Uint8Array;
    if (witness.length >= 2 && last[0] === ANNEX_TAG) return false;
    return witness.length < 2 || witness.slice(0, -2).every((item) => item.length <= WITNESS_ITEM_MAX_BYTES);
  }
  return type !== "p2a";
}

/** Throws if a transaction that makes dust is more than the free parent of one that spends it. */
export function checkDust(transaction: Transaction, paidSat: bigint, isInPackage: boolean): void {
  const hasDust = transaction.outputs.some(
    ({ amountSat, scriptPubKey }) =>
      !isUnspendable(scriptPubKey) && amountSat < dustThresholdSat(scriptPubKey),
  );
  if (hasDust && (paidSat !== 0n || isInPackage)) throw new RuleBroken("dust");
}

/**
 * BIP431: a transaction of version 3 stands alone or is one parent with one child, both small; in return it may be free
 * and leave its fee to the child. `ancestors` and `siblings` are those that stay in the mempool.
 */
export function checkVersion3(
  transaction: Transaction,
  sizeVb: number,
  ancestors: readonly Transaction[],
  hasSibling: boolean,
): void {
  const isMixed = ancestors.some((of) => (of.version === 3) !== (transaction.version === 3));
  if (isMixed) throw new RuleBroken("TRUC-violation", "versions 3 and others do not mix unconfirmed");
  if (transaction.version !== 3) return;
  const sizeMaxVb = ancestors.length === 0 ? VERSION_3_MAX_VB : VERSION_3_CHILD_MAX_VB;
  if (sizeVb > sizeMaxVb) throw new RuleBroken("TRUC-violation", `${sizeVb} vB`);
  if (ancestors.length > 1 || hasSibling) throw new RuleBroken("TRUC-violation", "one parent, one child");
}

/** Throws if the fee is too small to be relayed. */
export function checkRelayFee(paidSat: bigint, sizeVb: number): void {
  const neededSat = feeSat(sizeVb, MIN_RELAY_SAT_PER_KVB);
  if (paidSat < neededSat) throw new RuleBroken("min relay fee not met", `${paidSat} < ${neededSat}`);
}
