/** What joinmarket-ng keeps beside a wallet file, as changes of ours: its labels and frozen coins, and its history. */
import type { WalletChange } from "../../store/wallet-change.ts";
import { OutpointSchema, TxidSchema } from "../../store/wallet-state.ts";
import { readLabels } from "../labels.ts";
import { readCommaLines } from "./comma-lines.ts";

const TEXT_LENGTH_MAX = 64 * 1024 * 1024;
const FIELD_LENGTH_MAX = 2_000;

/** Columns that hold whole numbers; the others are kept as text. */
const NUMBERS = new Set([
  "confirmations",
  "cj_amount",
  "peer_count",
  "fee_received",
  "txfee_contribution",
  "total_maker_fees_paid",
  "mining_fee_paid",
  "net_fee",
  "source_mixdepth",
  "input_value",
  "destination_vout",
  "amount",
]);

export interface NgFiles {
  /** `wallet_metadata_<fingerprint>.jsonl`. */
  readonly metadata?: string;
  /** `history.csv`, which may be of several wallets. */
  readonly history?: string;
  readonly fingerprint: string;
}

export interface NgData {
  readonly changes: readonly WalletChange[];
  /** Addresses that must not be handed out again, those of transactions that came to nothing among them. */
  readonly handedOut: readonly string[];
  /** Lines and rows that said something, and lines that said nothing that we understand. */
  readonly taken: number;
  readonly skipped: number;
}

type Facts = Extract<WalletChange, { kind: "note" }>["note"];

export function readNgData({ metadata = "", history = "", fingerprint }: NgFiles): NgData {
  const labels = readLabels(metadata);
  const notes = new Map<string, NonNullable<Facts>>();
  const handedOut = new Set(labels.handedOut);
  let { taken } = labels;
  for (const row of readCommaLines(history.slice(0, TEXT_LENGTH_MAX))) {
    if (row["wallet_fingerprint"] !== fingerprint) continue;
    taken++;
    for (const column of ["destination_address", "change_address"]) {
      if (row[column]) handedOut.add(row[column]);
    }
    const txid = TxidSchema.safeParse(row["txid"]);
    if (txid.success) notes.set(txid.data, factsOf(row));
  }
  for (const ref of labels.coinjoinOutputs) {
    const [txid = "", vout = ""] = OutpointSchema.parse(ref).split(":");
    const facts = notes.get(txid) ?? {};
    const known = Array.isArray(facts["coinjoinOutputs"]) ? facts["coinjoinOutputs"] : [];
    notes.set(txid, { ...facts, coinjoinOutputs: [...known, Number(vout)] });
  }
  return {
    changes: [
      ...labels.changes,
      ...[...notes].map(([txid, note]): WalletChange => ({ kind: "note", txid, note })),
    ],
    handedOut: [...handedOut],
    taken,
    skipped: labels.skipped,
  };
}

/** By the names of its columns; fields without content are left out. */
function factsOf(row: Record<string, string>): NonNullable<Facts> {
  const facts: NonNullable<Facts> = { program: "joinmarket-ng" };
  for (const [column, field] of Object.entries(row)) {
    if (
      field === "" ||
      column === "txid" ||
      column === "wallet_fingerprint" ||
      !/^[a-z_]{1,40}$/.test(column)
    ) {
      continue;
    }
    const number = Number(field);
    if (column === "success") facts[column] = field === "True";
    else if (NUMBERS.has(column) && Number.isSafeInteger(number)) facts[column] = number;
    else facts[column] = field.slice(0, FIELD_LENGTH_MAX);
  }
  return facts;
}
