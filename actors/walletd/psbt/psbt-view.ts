/** A PSBT as its owner reads it before anything is signed. Pure. */
import type { z } from "zod";
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { Psbt } from "../../../bitcoin/psbt/psbt.ts";
import { addressOfScript } from "../../../bitcoin/script/address.ts";
import { sizeVbOf, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { PsbtViewSchema } from "../../../bus/contracts/walletd/objects.ts";
import { estimateSizeVb, type InputKind } from "../../../joinmarket/coins/sizes.ts";
import { knownCoins, type SeenInput, type Sight } from "./sight.ts";

export type PsbtView = z.infer<typeof PsbtViewSchema>;

const TROUBLES: Readonly<Record<NonNullable<SeenInput["trouble"]>, string>> = Object.freeze({
  frozen: "the coin is frozen",
  reserved: "the coin is reserved for another transaction",
  timelocked: "the coin is locked until its bond ends",
  "other-mixdepth":
    "the coin is of another mixdepth than the first: together they would tell that both are ours",
  "not-proven":
    "the coin is not in our records, and the PSBT has not the whole transaction that would prove its amount",
});

export function viewOf(
  psbt: Psbt,
  sight: Sight,
  { network, isFromHere, canSign }: { network: Network; isFromHere: boolean; canSign: boolean },
): PsbtView {
  const { transaction, unsignedInputs } = psbt.finish(knownCoins(sight));
  const sizeVb = sizeOf(transaction, sight, unsignedInputs.length === 0);
  const { feeSat = null } = sight;
  const addressOf = (script: Uint8Array | undefined) => (script && addressOfScript(script, network)) ?? null;
  return {
    txid: txidOf(psbt.transaction),
    version: psbt.version,
    inputs: sight.inputs.map(({ txid, index, amountSat, key, script, trouble }, at) => ({
      txid,
      index,
      amountSat: amountSat ?? null,
      address: addressOf(script),
      isOurs: key !== undefined,
      path: key?.pathText ?? null,
      isSigned: !unsignedInputs.includes(at),
      trouble: trouble === undefined ? null : TROUBLES[trouble],
    })),
    outputs: sight.outputs.map(({ amountSat, script, key }) => ({
      amountSat,
      address: addressOf(script),
      script: bytesToHex(script),
      isOurs: key !== undefined,
      path: key?.pathText ?? null,
    })),
    paysOutSat: sight.paysOutSat,
    feeSat,
    sizeVb,
    satPerVb: feeSat === null ? null : feeSat / sizeVb,
    isFromHere,
    isComplete: unsignedInputs.length === 0,
    refusal: refusalOf(sight, canSign),
  };
}

/** The first reason in words, or nothing. */
export function refusalOf(sight: Sight, canSign: boolean): string | null {
  const at = sight.inputs.findIndex(({ trouble }) => trouble !== undefined);
  const trouble = sight.inputs[at]?.trouble;
  if (sight.refusal !== undefined) return sight.refusal;
  if (trouble !== undefined) return `input ${at}: ${TROUBLES[trouble]}`;
  return canSign ? null : "this wallet only watches; its keys are elsewhere";
}

/** With its signatures, or as large as it will be. */
export function sizeOf(transaction: Transaction, { inputs }: Sight, isComplete: boolean): number {
  if (isComplete) return sizeVbOf(transaction);
  const kinds = inputs.map(({ key }): InputKind => key?.spending.kind ?? "p2wpkh");
  return estimateSizeVb(
    kinds,
    transaction.outputs.map(({ scriptPubKey }) => scriptPubKey),
  );
}
