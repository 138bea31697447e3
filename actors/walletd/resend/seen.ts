/** Of what we signed with others the whole transaction is theirs until we see it: then it is kept, so that it can be sent again. */
import { signedHashOf } from "../sign/coinjoin-signer.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { isCoinjoin, type SignedRecord } from "./pending.ts";

type Keyed = readonly [key: string, record: SignedRecord];

interface Seen {
  readonly txid: string;
  readonly rawTx: string;
  /** Others' signatures may have changed its id, but not this. */
  readonly signedHash: string;
}

/** Ask at once when the wallet's view has changed: a node may lose again what it has just told of. */
export async function keepSeen(wallet: OpenWallet): Promise<void> {
  const { view, state } = wallet;
  const lacking = Object.entries(state.signed).filter(([, record]) => isLacking(record));
  const isWhole = ([, { rawTx, txid }]: Keyed) => rawTx !== undefined && view.placeOf(txid) !== undefined;
  const isSpent = ([, { inputs }]: Keyed) => inputs.some((outpoint) => !view.coins.has(outpoint));
  const whole = lacking.filter(isWhole);
  const foreign = lacking.filter((one) => !isWhole(one) && isSpent(one));
  if (whole.length > 0) await change(wallet, whole, (record) => ({ ...record, isSeen: true }));
  if (foreign.length > 0) await keepForeign(wallet, foreign);
}

/** Others have made it whole. */
async function keepForeign(wallet: OpenWallet, lacking: readonly Keyed[]): Promise<void> {
  await wallet.transactions.load();
  const spenders = spendersIn(wallet);
  const spenderOf = ({ inputs }: SignedRecord) =>
    inputs.map((outpoint) => spenders.get(outpoint)).find((txid) => txid !== undefined);
  const txids = new Set(lacking.flatMap(([, record]) => spenderOf(record) ?? []));
  const seen = new Map<string, Seen>();
  await wallet.fetchRaw([...txids], (txid, transaction, rawTx) => {
    seen.set(txid, { txid, rawTx, signedHash: signedHashOf(transaction) });
  });
  await change(wallet, lacking, (record) => {
    const spender = seen.get(spenderOf(record) ?? "");
    return spender === undefined ? record : known(record, spender, wallet);
  });
}

async function change(
  wallet: OpenWallet,
  lacking: readonly Keyed[],
  next: (record: SignedRecord) => SignedRecord,
): Promise<void> {
  await wallet.store.transact(({ signed, notes }) => {
    const changes: WalletChange[] = [];
    for (const [key] of lacking) {
      const record = Object.hasOwn(signed, key) ? signed[key] : undefined;
      if (record === undefined || !isLacking(record)) continue;
      const changed = next(record);
      if (changed === record) continue;
      changes.push({ kind: "signed", key, signed: changed });
      // What was noted when it was signed is of the transaction that came of it.
      const note = notes[record.txid];
      if (changed.txid !== record.txid && note !== undefined && !Object.hasOwn(notes, changed.txid)) {
        changes.push({ kind: "note", txid: changed.txid, note });
      }
    }
    return { changes, result: undefined };
  });
}

function isLacking(record: SignedRecord): boolean {
  if (record.conflict !== undefined) return false;
  return record.rawTx === undefined || (isCoinjoin(record) && record.isSeen !== true);
}

/** A coin of a coinjoin that never came about may have been spent by another one since. */
function known(record: SignedRecord, { txid, rawTx, signedHash }: Seen, wallet: OpenWallet): SignedRecord {
  if (!isCoinjoin(record)) return txid === record.txid ? { ...record, rawTx } : gone(record, txid, wallet);
  return signedHash === record.requestHash
    ? { ...record, txid, rawTx, isSeen: true }
    : gone(record, txid, wallet);
}

function gone(record: SignedRecord, txid: string, { view, nowMs }: OpenWallet): SignedRecord {
  // Until a block has the other one it may go again.
  const isFinal = (view.placeOf(txid)?.height ?? null) !== null;
  return isFinal ? { ...record, conflict: { txid, atMs: nowMs } } : record;
}

function spendersIn({ view, transactions }: OpenWallet): ReadonlyMap<string, string> {
  const spenders = new Map<string, string>();
  for (const { txid } of view.transactions()) {
    for (const outpoint of transactions.facts(txid)?.inputs ?? []) spenders.set(outpoint, txid);
  }
  return spenders;
}
