/** From a plan to a transaction: mixed up so that places tell nothing, locked so that nobody gains by mining it deeper. */
import { parseTxid, txidToBytes } from "../../../bitcoin/bytes.ts";
import { type InputKey, signInputs, withSignedInputs } from "../../../bitcoin/signing/inputs.ts";
import type { Transaction } from "../../../bitcoin/transaction.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import type { Plan, PlanCoin } from "./plan.ts";

export interface KeyedCoin {
  readonly txid: string;
  readonly index: number;
  readonly amountSat: number;
  readonly key: WalletKey;
}

export interface Draft<C extends KeyedCoin> {
  readonly transaction: Transaction;
  /** In the order of the inputs. */
  readonly coins: readonly C[];
}

const VERSION = 2;
/** The sender may pay more later (BIP125). */
const REPLACEABLE = 0xffff_fffd;
/** Not replaceable, and a locktime still counts. */
const FINAL_BUT_LOCKED = 0xffff_fffe;
/** As Bitcoin Core does: one in ten is locked up to 99 blocks lower, so that late ones do not stand out. */
const LOWER_ONE_IN = 10;
const LOWER_BLOCKS_MAX = 100;

export function draftOf<C extends KeyedCoin & PlanCoin>(
  { coins, payments, changeSat }: Plan<C>,
  changeScript: Uint8Array,
  choices: { readonly height: number; readonly isReplaceable: boolean; readonly random: () => number },
): Draft<C> {
  const { random, isReplaceable } = choices;
  const outputs = payments.map(({ script, amountSat }) => ({
    scriptPubKey: script,
    amountSat: BigInt(amountSat),
  }));
  if (changeSat > 0) outputs.push({ scriptPubKey: changeScript, amountSat: BigInt(changeSat) });
  const shuffled = shuffle(coins, random);
  const transaction = {
    version: VERSION,
    inputs: shuffled.map(({ txid, index }) => ({
      previousTxidBytes: txidToBytes(parseTxid(txid)),
      previousIndex: index,
      scriptSig: new Uint8Array(0),
      sequence: isReplaceable ? REPLACEABLE : FINAL_BUT_LOCKED,
      witness: [],
    })),
    outputs: shuffle(outputs, random),
    locktime: locktimeOf(coins, choices.height, random),
  };
  return { transaction, coins: shuffled };
}

/** Signs every input; the private keys are overwritten again. */
export function signDraft<C extends KeyedCoin>(
  { transaction, coins }: Draft<C>,
  keys: WalletKeys,
): Transaction {
  const inputKeys = coins.map((coin, index) => inputKeyOf(coin, index, keys));
  try {
    return withSignedInputs(transaction, signInputs(transaction, inputKeys));
  } finally {
    for (const { privateKey } of inputKeys) privateKey.fill(0);
  }
}

/** The caller overwrites the private key when done. */
export function inputKeyOf({ key, amountSat }: KeyedCoin, index: number, keys: WalletKeys): InputKey {
  const { spending, scriptPubKey, path } = key;
  return {
    index,
    spent: { amountSat: BigInt(amountSat), scriptPubKey },
    privateKey: keys.privateKey(path),
    ...(spending.kind === "bond" ? { witnessScript: spending.witnessScript } : {}),
  };
}

function locktimeOf(coins: readonly KeyedCoin[], height: number, random: () => number): number {
  const locktimes = coins.map(({ key }) => (key.spending.kind === "bond" ? key.spending.locktime : 0));
  const latest = Math.max(0, ...locktimes);
  if (latest > 0) return latest + 1;
  if (Math.floor(random() * LOWER_ONE_IN) > 0) return height;
  return Math.max(0, height - Math.floor(random() * LOWER_BLOCKS_MAX));
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
  }
  return shuffled;
}
