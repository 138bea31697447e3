/** A planned payment as a PSBT with all that its signers need: coins, the transactions they come from, scripts, and where the keys are. */
import { Psbt, type PsbtInputFacts, type PsbtOutputFacts } from "../../../bitcoin/psbt/psbt.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { serializeTransaction } from "../../../bitcoin/transaction.ts";
import type { RawTransactions } from "../../../bus/chain/raw-transactions.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import { denials } from "../denials.ts";
import type { Draft, KeyedCoin } from "../spend/draft.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

/** Beyond it no message takes the PSBT: base64 of it stays below what the contract allows. */
const PARENTS_BYTES_MAX = 400_000;

export async function psbtOf(
  wallet: OpenWallet,
  { transaction, coins }: Draft<KeyedCoin>,
  raw: RawTransactions,
): Promise<Psbt> {
  const parents = await parentsOf(coins, raw);
  const inputs = coins.map(({ txid, amountSat, key }): PsbtInputFacts => {
    const parent = parents.get(txid);
    return {
      spent: { amountSat: BigInt(amountSat), scriptPubKey: key.scriptPubKey },
      ...(parent === undefined ? {} : { previousTransaction: parent }),
      ...factsOf(wallet, key),
    };
  });
  const outputs = transaction.outputs.map(({ scriptPubKey }): PsbtOutputFacts => {
    const key = wallet.book.find(scriptHashOf(scriptPubKey));
    return key === undefined ? {} : factsOf(wallet, key);
  });
  return Psbt.create(transaction, inputs, outputs);
}

/** Scripts and origin of a key, for an input or an output. */
export function factsOf({ keys }: OpenWallet, key: WalletKey): PsbtOutputFacts {
  const { spending } = key;
  return {
    origin: keys.origin(key),
    ...(spending.kind === "p2sh-p2wpkh" ? { redeemScript: spending.redeemScript } : {}),
    ...(spending.kind === "bond" ? { witnessScript: spending.witnessScript } : {}),
  };
}

/** An amount alone can lie to a signer without a chain; the hash of the transaction that made the coin cannot. */
async function parentsOf(
  coins: readonly KeyedCoin[],
  raw: RawTransactions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const parents = new Map<string, Uint8Array>();
  const txids = [...new Set(coins.map(({ txid }) => txid))];
  let lengthBytes = 0;
  await raw.fetch(txids, (txid, transaction) => {
    const bytes = serializeTransaction(transaction);
    lengthBytes += bytes.length;
    parents.set(txid, bytes);
  });
  if (lengthBytes > PARENTS_BYTES_MAX) {
    throw denials.psbt("the transactions that its coins come from do not fit; spend fewer coins at once");
  }
  const missing = txids.find((txid) => !parents.has(txid));
  if (missing !== undefined) throw denials.psbt(`the transaction ${missing} cannot be had at this moment`);
  return parents;
}
