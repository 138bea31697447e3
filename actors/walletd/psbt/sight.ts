/** What a transaction that somebody proposes would do to a wallet, judged by the wallet's own records. Pure: asks nobody, signs nothing. */
import { type Txid, txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { KeyOrigin, KnownCoin, Psbt } from "../../../bitcoin/psbt/psbt.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import type { Transaction } from "../../../bitcoin/transaction.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import { denials } from "../denials.ts";

/** What a PSBT tells beside its transaction. */
export type Telling = Pick<
  Psbt,
  "transaction" | "spent" | "isProven" | "origins" | "outputOrigins" | "leavesPartsOpen"
>;

export interface RecordedCoin {
  readonly amountSat: number;
  readonly key: WalletKey;
}

/** What the wallet knows by itself. */
export interface Records {
  coin(outpoint: string): RecordedCoin | undefined;
  keyOf(scriptHash: string): WalletKey | undefined;
  /** The key of ours at an origin that somebody has written, if it is there. */
  keyAt(origin: KeyOrigin): WalletKey | undefined;
  /** Whether we would find coins again that go to this key. */
  isInReach(key: WalletKey): boolean;
  /** Why a coin of ours is not to be spent now by this transaction. */
  holdOn(outpoint: string): "frozen" | "reserved" | "timelocked" | undefined;
}

export interface SeenInput {
  readonly txid: Txid;
  readonly index: number;
  readonly outpoint: string;
  /** Ours, by its script. */
  readonly key: WalletKey | undefined;
  /** From our records, or vouched for by the whole previous transaction; undefined: nobody knows. */
  readonly amountSat: number | undefined;
  readonly script: Uint8Array | undefined;
  readonly trouble: "frozen" | "reserved" | "timelocked" | "other-mixdepth" | "not-proven" | undefined;
}

export interface SeenOutput {
  readonly amountSat: number;
  readonly script: Uint8Array;
  readonly key: WalletKey | undefined;
}

export interface Sight {
  readonly inputs: readonly SeenInput[];
  readonly outputs: readonly SeenOutput[];
  /** What of our coins does not come back. */
  readonly paysOutSat: number;
  /** Undefined where an input of others has no proven amount. */
  readonly feeSat: number | undefined;
  /** Why nothing of it may be signed, beside its inputs' own troubles. */
  readonly refusal: string | undefined;
}

/** Twenty-one million bitcoin. */
const SATOSHI_MAX = 2_100_000_000_000_000n;

/** Throws for what contradicts itself or our records. */
export function sightOf(telling: Telling, records: Records): Sight {
  const { transaction } = telling;
  if (transaction.outputs.length === 0) throw denials.psbt("it pays nobody");
  for (const { amountSat } of transaction.outputs) needAmount(amountSat);
  const inputs = mixdepthsApart(transaction.inputs.map((_, index) => inputOf(telling, index, records)));
  const outputs = transaction.outputs.map((_, index) => outputOf(telling, index, records));
  const own = inputs.filter(({ key }) => key !== undefined);
  const outSat = sum(outputs.map(({ amountSat }) => amountSat));
  const isAllKnown = inputs.every(({ amountSat }) => amountSat !== undefined);
  const feeSat = isAllKnown ? sum(inputs.map(({ amountSat = 0 }) => amountSat)) - outSat : undefined;
  if (feeSat !== undefined && feeSat < 0) throw denials.psbt("it pays more than its coins are worth");
  const returnedSat = sum(outputs.filter(({ key }) => key !== undefined).map(({ amountSat }) => amountSat));
  return {
    inputs,
    outputs,
    // Others may pay us more than we put in.
    paysOutSat: Math.max(0, sum(own.map(({ amountSat = 0 }) => amountSat)) - returnedSat),
    feeSat,
    refusal: refusalOf(telling, own),
  };
}

/** For checking signatures: our own inputs as we know them. */
export function knownCoins({ inputs }: Sight): (index: number) => KnownCoin | undefined {
  return (index) => {
    const { key, amountSat } = inputs[index] ?? {};
    if (key === undefined || amountSat === undefined) return undefined;
    const spent = { amountSat: BigInt(amountSat), scriptPubKey: key.scriptPubKey };
    const { spending } = key;
    return spending.kind === "bond" ? { spent, witnessScript: spending.witnessScript } : { spent };
  };
}

function refusalOf(telling: Telling, own: readonly SeenInput[]): string | undefined {
  if (own.length === 0) return "none of its inputs is this wallet's";
  const open = telling.transaction.inputs.findIndex((_, index) => telling.leavesPartsOpen(index));
  if (open >= 0)
    return `input ${open} asks for a signature that leaves parts of the transaction open; only SIGHASH_ALL is signed`;
  return undefined;
}

function inputOf(telling: Telling, index: number, records: Records): SeenInput {
  const { previousTxidBytes, previousIndex } = telling.transaction.inputs[
    index
  ] as Transaction["inputs"][number];
  const txid = txidFromBytes(previousTxidBytes);
  const outpoint = `${txid}:${previousIndex}`;
  const place = { txid, index: previousIndex, outpoint };
  // Throws when what it shows contradicts itself.
  const told = telling.spent(index);
  if (told !== undefined) needAmount(told.amountSat);
  const recorded = records.coin(outpoint);
  const trouble = records.holdOn(outpoint);
  if (recorded !== undefined) {
    const { key, amountSat } = recorded;
    const isSame =
      told === undefined ||
      (Number(told.amountSat) === amountSat && scriptHashOf(told.scriptPubKey) === key.scriptHash);
    if (!isSame) throw denials.psbt(`what it tells of the coin ${outpoint} is not what our own records say`);
    return { ...place, key, amountSat, script: key.scriptPubKey, trouble };
  }
  if (told === undefined)
    return { ...place, key: undefined, amountSat: undefined, script: undefined, trouble: undefined };
  const { scriptPubKey: script } = told;
  const key = keyOf(script, telling.origins(index), records);
  // Only the hash of the whole transaction vouches for an amount that our records do not have.
  const isProven = telling.isProven(index);
  const amountSat = isProven ? Number(told.amountSat) : undefined;
  const unproven = key !== undefined && !isProven ? ("not-proven" as const) : undefined;
  return { ...place, key, amountSat, script, trouble: key === undefined ? undefined : (trouble ?? unproven) };
}

function outputOf(telling: Telling, index: number, records: Records): SeenOutput {
  const { amountSat, scriptPubKey: script } = telling.transaction.outputs[
    index
  ] as Transaction["outputs"][number];
  const key = keyOf(script, telling.outputOrigins(index), records);
  // Change so far out that no search finds it again is as good as somebody else's.
  const isOurs = key !== undefined && records.isInReach(key);
  return { amountSat: Number(amountSat), script, key: isOurs ? key : undefined };
}

function keyOf(script: Uint8Array, origins: readonly KeyOrigin[], records: Records): WalletKey | undefined {
  const hash = scriptHashOf(script);
  const known = records.keyOf(hash);
  if (known !== undefined) return known;
  for (const origin of origins) {
    const key = records.keyAt(origin);
    if (key?.scriptHash === hash) return key;
  }
  return undefined;
}

/** Coins of two mixdepths in one transaction would tell everybody that they belong together. */
function mixdepthsApart(inputs: readonly SeenInput[]): readonly SeenInput[] {
  const first = inputs.find(({ key }) => key !== undefined)?.key?.path.mixdepth;
  return inputs.map((input) =>
    input.key === undefined || input.key.path.mixdepth === first || input.trouble !== undefined
      ? input
      : { ...input, trouble: "other-mixdepth" as const },
  );
}

function needAmount(amountSat: bigint): void {
  if (amountSat < 0n || amountSat > SATOSHI_MAX) throw denials.psbt("an amount in it is impossible");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
