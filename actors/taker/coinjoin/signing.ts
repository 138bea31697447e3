/** The last signatures, which are ours: asked of walletd when all others are there, for it judges by itself what it signs. */
import { bytesToHex, hexToBytes } from "../../../bitcoin/bytes.ts";
import { withSignedInputs } from "../../../bitcoin/signing/inputs.ts";
import { parseTransaction, serializeTransaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { CoinjoinParts } from "./parts.ts";
import type { RunRecord } from "./record.ts";

/** Asking twice for the same transaction is harmless: a taker that was killed in between does. */
export async function completed(
  { walletd, network, folder }: CoinjoinParts,
  record: RunRecord,
): Promise<Pick<RunRecord, "signedTx" | "txid">> {
  const { grant, reservation, unsignedTx, makers, wish } = record;
  folder.keep(record);
  const rawTx = unsignedTx ?? "";
  const transaction = parseTransaction(hexToBytes(rawTx), network.serialization);
  const { signatures } = await walletd.signAsTaker({
    grant: grant ?? "",
    reservation: reservation ?? "",
    rawTx,
    participants: makers.length + 1,
    resend: wish.broadcast === "not-self" ? "late" : "soon",
  });
  const ours = signatures.map(({ index, scriptSig, witness }) => ({
    index,
    scriptSig: hexToBytes(scriptSig),
    witness: witness.map((item) => hexToBytes(item)),
  }));
  const signed = withSignedInputs(transaction, ours);
  return { signedTx: bytesToHex(serializeTransaction(signed)), txid: txidOf(signed) };
}
