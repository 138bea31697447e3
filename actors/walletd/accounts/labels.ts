/** Labels and freezes as the lines of a BIP329 file, out and in. */
import { z } from "zod";
import { denials } from "../denials.ts";
import { labelKey, type WalletChange } from "../store/wallet-change.ts";
import { LabelTypeSchema } from "../store/wallet-state.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

/** What a wallet holds of them at most. */
export const LABELS_MAX = 100_000;
const LINE_LENGTH_MAX = 4_000;
const LABEL_LENGTH_MAX = 255;

const LineSchema = z.object({
  type: LabelTypeSchema,
  ref: z.string().min(1).max(200),
  label: z.string().optional(),
  spendable: z.boolean().optional(),
});

export function exportLabels({ state }: OpenWallet): string {
  const lines: object[] = [];
  const frozen = new Map(Object.entries(state.frozen).map(([outpoint, said]) => [outpoint, said.isFrozen]));
  for (const [key, label] of Object.entries(state.labels)) {
    const space = key.indexOf(" ");
    const [type, ref] = [key.slice(0, space), key.slice(space + 1)];
    const isFrozen = type === "output" ? frozen.get(ref) : undefined;
    if (isFrozen !== undefined) frozen.delete(ref);
    lines.push({ type, ref, label, ...(isFrozen === undefined ? {} : { spendable: !isFrozen }) });
  }
  for (const [ref, isFrozen] of frozen) lines.push({ type: "output", ref, spendable: !isFrozen });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** A line that is no label of a kind we keep is passed over, as the standard says. */
export async function importLabels(
  wallet: OpenWallet,
  text: string,
): Promise<{ taken: number; ignored: number }> {
  return wallet.store.transact((state) => {
    const changes: WalletChange[] = [];
    let [taken, ignored] = [0, 0];
    const known = new Set(Object.keys(state.labels));
    for (const line of text.split("\n")) {
      if (line.trim() === "") continue;
      const own = changesOf(line);
      if (own.length === 0) ignored += 1;
      else taken += 1;
      changes.push(...own);
      for (const change of own) if (change.kind === "label") known.add(labelKey(change.type, change.ref));
    }
    if (known.size > LABELS_MAX) throw denials.tooMany("labels", LABELS_MAX);
    return { changes, result: { taken, ignored } };
  });
}

function changesOf(line: string): WalletChange[] {
  const parsed = LineSchema.safeParse(line.length > LINE_LENGTH_MAX ? undefined : parseJson(line));
  if (!parsed.success) return [];
  const { type, ref, label, spendable } = parsed.data;
  const changes: WalletChange[] = [];
  if (label !== undefined && label !== "") {
    changes.push({ kind: "label", type, ref, label: label.slice(0, LABEL_LENGTH_MAX) });
  }
  if (type === "output" && spendable !== undefined && /^[0-9a-f]{64}:\d{1,10}$/.test(ref)) {
    changes.push({ kind: "coin.frozen", outpoint: ref, frozen: { isFrozen: !spendable, why: "import" } });
  }
  return changes;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Not a line of such a file.
    return undefined;
  }
}
