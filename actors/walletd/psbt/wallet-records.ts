/** An open wallet's records as PSBTs are judged by them. */
import { bytesToHex, hexToBytes } from "../../../bitcoin/bytes.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { FINAL_SEQUENCE, parseTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import { spentOutpoint } from "../coins/script-facts.ts";
import { reservedNow } from "../coins/standing.ts";
import { isCoinjoin } from "../resend/pending.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import type { Records } from "./sight.ts";

/** So far past the addresses that were given out a coin is still looked for, if its owner asks for a wider search. */
const REACH = 10_000;

/** `id` is of the PSBT that is judged: what is reserved for it, or for what it takes the place of, is free for it. */
export function recordsOf(wallet: OpenWallet, id: string, transaction: Transaction): Records {
  const replaced = replacedBy(wallet, transaction);
  const coins = new Map(wallet.coins().map((coin) => [coin.outpoint, coin]));
  const reserved = reservedNow(wallet.state, wallet.nowMs);
  return {
    coin: (outpoint) => coins.get(outpoint),
    keyOf: (scriptHash) => wallet.book.find(scriptHash),
    keyAt: (origin) => wallet.keys.keyAt(origin, wallet.mixdepths),
    isInReach: ({ path, spending }) =>
      spending.kind === "bond" || path.index < wallet.freshIndex(path) + REACH,
    holdOn(outpoint) {
      const coin = coins.get(outpoint);
      const isFrozen = coin?.standing.isFrozen ?? wallet.state.frozen[outpoint]?.isFrozen ?? false;
      if (coin?.standing.isTimelocked) return "timelocked";
      if (isFrozen) return "frozen";
      const holder = reserved.get(outpoint);
      const isFree = holder === undefined || holder === id || replaced.has(holder);
      return isFree ? undefined : "reserved";
    },
  };
}

/** Payments that wait to be confirmed and that this one stands for: it spends their coins and pays the same people no less. */
function replacedBy(wallet: OpenWallet, transaction: Transaction): ReadonlySet<string> {
  const spent = new Set(transaction.inputs.map(spentOutpoint));
  const replaced = Object.entries(wallet.state.signed).filter(([, record]) => {
    if (record.rawTx === undefined || isCoinjoin(record)) return false;
    if (!record.inputs.some((outpoint) => spent.has(outpoint))) return false;
    return standsFor(wallet, transaction, parseTransaction(hexToBytes(record.rawTx)));
  });
  return new Set(replaced.map(([key]) => key));
}

function standsFor({ book }: OpenWallet, transaction: Transaction, former: Transaction): boolean {
  if (!former.inputs.some(({ sequence }) => sequence < FINAL_SEQUENCE - 1)) return false;
  const sameScript = (a: Uint8Array, b: Uint8Array) => bytesToHex(a) === bytesToHex(b);
  const [only, ...others] = former.outputs;
  const [now, ...more] = transaction.outputs;
  // A sweep's fee comes out of what it pays.
  const isSweep = others.length === 0 && more.length === 0;
  if (isSweep && only && now && sameScript(only.scriptPubKey, now.scriptPubKey)) return true;
  const payments = former.outputs.filter(
    ({ scriptPubKey }) => book.find(scriptHashOf(scriptPubKey)) === undefined,
  );
  return payments.every(({ scriptPubKey, amountSat }) =>
    transaction.outputs.some(
      (output) => output.amountSat >= amountSat && sameScript(output.scriptPubKey, scriptPubKey),
    ),
  );
}
