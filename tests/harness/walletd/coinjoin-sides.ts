/** Coinjoins between a wallet under test and somebody else, as both sides would make them. */
import { hexToBytes, parseTxid, type Txid } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { isInputSigned, withSignedInputs } from "../../../bitcoin/signing/inputs.ts";
import { serializeTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import { buildCoinjoin } from "../../../joinmarket/coinjoin/shape.ts";
import { coinNumber, scriptNumber } from "../joinmarket/parties.ts";

/** A reservation as walletd answers it. */
export interface ReservedSide {
  readonly coins: readonly { txid: string; index: number; amountSat: number; script: string }[];
  readonly coinjoinAddress: string;
  readonly changeAddress: string;
}

export interface Signatures {
  readonly signatures: readonly { index: number; witness: string[]; scriptSig: string }[];
}

export const MAKER_TERMS = { amountSat: 200_000, coinjoinFeeSat: 500, txfeeSat: 100 } as const;
const MINER_FEE_SAT = 1_500;

/** The wallet is a maker, somebody else takes. */
export function takenFrom(side: ReservedSide, terms: typeof MAKER_TERMS = MAKER_TERMS): Transaction {
  const { amountSat, coinjoinFeeSat, txfeeSat } = terms;
  return buildCoinjoin(
    {
      taker: {
        coins: [coinNumber(1, amountSat + 50_000)],
        destinationScript: scriptNumber(2),
        changeScript: scriptNumber(3),
      },
      makers: [{ coins: coinsOf(side), ...scriptsOf(side), coinjoinFeeSat, txfeeSat }],
      ...{ amountSat, minerFeeSat: MINER_FEE_SAT, tipHeight: 10 },
    },
    () => 0,
  );
}

/** The wallet takes, two others make, each for a fee. */
export function madeFor(side: ReservedSide, amountSat: number, feeSat = 400): Transaction {
  const { coinjoinScript, changeScript } = scriptsOf(side);
  const makers = [10, 20].map((number) => ({
    coins: [coinNumber(number, amountSat + 100_000)],
    coinjoinScript: scriptNumber(number + 1),
    changeScript: scriptNumber(number + 2),
    ...{ coinjoinFeeSat: feeSat, txfeeSat: 0 },
  }));
  return buildCoinjoin(
    {
      taker: { coins: coinsOf(side), destinationScript: coinjoinScript, changeScript },
      ...{ makers, amountSat, minerFeeSat: MINER_FEE_SAT, tipHeight: 10 },
    },
    () => 0,
  );
}

export function rawOf(transaction: Transaction): string {
  return Buffer.from(serializeTransaction(transaction)).toString("hex");
}

/** With these signatures in it, and nobody else's. */
export function signedBy(transaction: Transaction, signatures: Signatures["signatures"]): Transaction {
  return withSignedInputs(
    transaction,
    signatures.map(({ index, witness, scriptSig }) => ({
      index,
      witness: witness.map((item) => hexToBytes(item)),
      scriptSig: hexToBytes(scriptSig),
    })),
  );
}

/** Which of the side's coins are spent with signatures that every node takes. */
export function signedCoins(
  transaction: Transaction,
  { signatures }: Signatures,
  side: ReservedSide,
): number {
  const signed = signedBy(transaction, signatures);
  return side.coins.filter(({ txid, index, amountSat, script }) => {
    const at = transaction.inputs.findIndex(
      ({ previousTxidBytes, previousIndex }) =>
        Buffer.from(previousTxidBytes).reverse().toString("hex") === txid && previousIndex === index,
    );
    return isInputSigned(signed, at, { amountSat: BigInt(amountSat), scriptPubKey: hexToBytes(script) });
  }).length;
}

function coinsOf({ coins }: ReservedSide) {
  return coins.map(({ txid, index, amountSat, script }) => ({
    txid: parseTxid(txid) as Txid,
    ...{ vout: index, valueSat: amountSat, scriptPubKey: hexToBytes(script) },
  }));
}

function scriptsOf({ coinjoinAddress, changeAddress }: ReservedSide) {
  return {
    coinjoinScript: scriptOfAddress(coinjoinAddress, regtest),
    changeScript: scriptOfAddress(changeAddress, regtest),
  };
}
