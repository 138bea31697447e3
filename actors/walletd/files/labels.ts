/** Labels and frozen coins as lines of BIP-329, with what joinmarket-ng adds to it: into changes of a wallet, and out of its memory. */
import { z } from "zod";
import { labelKey, type WalletChange } from "../store/wallet-change.ts";
import { LabelTypeSchema, OutpointSchema, type WalletState } from "../store/wallet-state.ts";

/** What whoever hands us a file may cost us. */
const TEXT_LENGTH_MAX = 64 * 1024 * 1024;
const LINE_LENGTH_MAX = 10_000;
const LABEL_LENGTH_MAX = 1_000;

/** joinmarket-ng's mark of a coin that it froze because its address had been used before. */
const REUSE = "jm:autofrozen:reuse";
/** Its marks of addresses that it must not hand out again; after the last may come the owner's label. */
const HANDED_OUT = /^jm:(?:used|funded|reserved)(?::|$)/;
const RESERVED_MARK = "jm:reserved";
const RESERVED = /^jm:reserved:(.+)$/s;

const LineSchema = z.object({
  type: LabelTypeSchema,
  ref: z.string().min(1).max(500),
  label: z.string().optional(),
  spendable: z.boolean().optional(),
  jm_coinjoin_output: z.boolean().optional(),
});
type Line = z.infer<typeof LineSchema>;

export interface ReadLabels {
  readonly changes: readonly WalletChange[];
  /** Addresses that joinmarket-ng has handed out or seen used. */
  readonly handedOut: readonly string[];
  /** Coins that are the equal outputs of CoinJoins, says joinmarket-ng. */
  readonly coinjoinOutputs: readonly string[];
  /** How many lines said something, if only that nothing is to be done. */
  readonly taken: number;
  /** How many lines said nothing that we understand. */
  readonly skipped: number;
}

/** One bad line does not spoil the others. */
export function readLabels(text: string): ReadLabels {
  const changes: WalletChange[] = [];
  const handedOut: string[] = [];
  const coinjoinOutputs: string[] = [];
  let [taken, skipped] = [0, 0];
  for (const one of text.slice(0, TEXT_LENGTH_MAX).split("\n")) {
    if (one.trim() === "") continue;
    const line = parseLine(one);
    if (line === undefined) {
      skipped++;
      continue;
    }
    taken++;
    changes.push(...changesOf(line));
    if (line.type === "addr" && HANDED_OUT.test(line.label ?? "")) handedOut.push(line.ref);
    if (line.jm_coinjoin_output === true) coinjoinOutputs.push(line.ref);
  }
  return { changes, handedOut, coinjoinOutputs, taken, skipped };
}

/**
 * Every label, and every coin about which somebody has decided, in an order that does not change by itself. For
 * joinmarket-ng also which addresses it must not hand out, in its own words.
 */
export function writeLabels(
  { labels, frozen }: Readonly<WalletState>,
  handedOut: readonly string[] = [],
): string {
  const lines = new Map<string, Record<string, unknown>>();
  for (const [key, label] of Object.entries(labels)) {
    const [type = "", ...ref] = key.split(" ");
    lines.set(key, { type, ref: ref.join(" "), label });
  }
  for (const [outpoint, { isFrozen, why }] of Object.entries(frozen)) {
    const key = `output ${outpoint}`;
    const line = lines.get(key) ?? {
      type: "output",
      ref: outpoint,
      ...(why === "reuse" ? { label: REUSE } : {}),
    };
    lines.set(key, { ...line, spendable: !isFrozen });
  }
  for (const ref of handedOut) {
    const key = labelKey("addr", ref);
    const label = labels[key];
    lines.set(key, {
      type: "addr",
      ref,
      label: label === undefined ? RESERVED_MARK : `${RESERVED_MARK}:${label}`,
    });
  }
  return [...lines.keys()]
    .sort()
    .map((key) => `${JSON.stringify(lines.get(key))}\n`)
    .join("");
}

function parseLine(text: string): Line | undefined {
  if (text.length > LINE_LENGTH_MAX) return undefined;
  try {
    const line = LineSchema.parse(JSON.parse(text));
    return line.type === "output" ? { ...line, ref: OutpointSchema.parse(line.ref) } : line;
  } catch {
    // Counted by the caller.
    return undefined;
  }
}

function changesOf({ type, ref, label = "", spendable }: Line): WalletChange[] {
  const changes: WalletChange[] = [];
  const own = HANDED_OUT.test(label) ? (RESERVED.exec(label)?.[1] ?? "") : label === REUSE ? "" : label;
  if (own !== "") changes.push({ kind: "label", type, ref, label: own.slice(0, LABEL_LENGTH_MAX) });
  if (type === "output" && spendable !== undefined) {
    const why = label === REUSE ? "reuse" : "owner";
    changes.push({ kind: "coin.frozen", outpoint: ref, frozen: { isFrozen: !spendable, why } });
  }
  return changes;
}
