/** What lies beside a wallet file, and any file of labels, as changes of one wallet: nothing of it is taken if it is too much. */
import { EXTERNAL_CHAIN, INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import type { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import { denials } from "../denials.ts";
import { branchKey, labelKey, type WalletChange } from "../store/wallet-change.ts";
import type { WalletState } from "../store/wallet-state.ts";
import { readNgData } from "./joinmarket-ng/side-data.ts";

export interface SideFiles {
  /** Lines of BIP329, with joinmarket-ng's marks or without. */
  readonly labels: string;
  /** joinmarket-ng's history of all its wallets. */
  readonly history: string;
}

export interface TakenChanges {
  readonly changes: readonly WalletChange[];
  /** Lines that said something, and lines that said nothing that we understand. */
  readonly taken: number;
  readonly ignored: number;
}

export const LABELS_MAX = 100_000;
/** joinmarket-ng hands out addresses up to so far behind the last used one. */
const HANDED_OUT_GAP = 100;

export function changesOfSideFiles(
  { labels, history }: SideFiles,
  keys: WalletKeys,
  state: Readonly<WalletState>,
): TakenChanges {
  const fingerprint = history === "" ? "" : keys.ngFingerprint();
  const data = readNgData({ metadata: labels, history, fingerprint });
  const changes = data.changes.map((change) => mergedNote(change, state));
  checkLabels(changes, state);
  return {
    changes: [...changes, ...issuedOf(new Set(data.handedOut), keys, state)],
    taken: data.taken,
    ignored: data.skipped,
  };
}

/** A note tells what its writer knew; what another had told before stays. */
function mergedNote(change: WalletChange, { notes }: Readonly<WalletState>): WalletChange {
  if (change.kind !== "note" || change.note === null) return change;
  return { ...change, note: { ...notes[change.txid], ...change.note } };
}

function checkLabels(changes: readonly WalletChange[], { labels, frozen }: Readonly<WalletState>): void {
  const known = new Set([
    ...Object.keys(labels),
    ...Object.keys(frozen).map((ref) => labelKey("output", ref)),
  ]);
  for (const change of changes) {
    if (change.kind === "label") known.add(labelKey(change.type, change.ref));
    if (change.kind === "coin.frozen") known.add(labelKey("output", change.outpoint));
  }
  if (known.size > LABELS_MAX) throw denials.tooMany("labels", LABELS_MAX);
}

/** No address is handed out twice: each branch goes on behind the last of these. */
function issuedOf(
  addresses: ReadonlySet<string>,
  keys: WalletKeys,
  { mixdepths, nextIndexes }: Readonly<WalletState>,
): WalletChange[] {
  const changes: WalletChange[] = [];
  if (addresses.size === 0) return changes;
  for (let mixdepth = 0; mixdepth < mixdepths; mixdepth++) {
    for (const chain of [EXTERNAL_CHAIN, INTERNAL_CHAIN]) {
      const first = nextIndexes[branchKey(mixdepth, chain)] ?? 0;
      let next = first;
      for (let index = first; index < next + HANDED_OUT_GAP; index++) {
        if (addresses.has(keys.key({ mixdepth, chain, index }).address)) next = index + 1;
      }
      if (next > first) changes.push({ kind: "address.issued", mixdepth, chain, nextIndex: next });
    }
  }
  return changes;
}
