/** A wallet of ours as other programs' files, with what those have no place for as lines of labels. */
import { writeClientserver } from "./clientserver.ts";
import type { ImportedWallet, Sealing } from "./imported-wallet.ts";
import { writeJoinmarketNg } from "./joinmarket-ng/wallet-file.ts";
import { writeLabels } from "./labels.ts";

export interface WrittenFile {
  readonly file: Buffer;
  /** Null when the file says it all. */
  readonly labels: string | null;
}

/** Under the wallet's password. `handedOut`: addresses that somebody has and no coin has come to. */
export async function writeForeign(
  form: "clientserver" | "joinmarket-ng",
  content: ImportedWallet,
  sealing: Sealing,
  handedOut: readonly string[],
): Promise<WrittenFile> {
  if (form === "joinmarket-ng") {
    // Its wallet file counts no addresses: it would hand these out again.
    const labels = writeLabels(content.state, handedOut);
    return { file: await writeJoinmarketNg(content, sealing), labels: labels === "" ? null : labels };
  }
  // It keeps freezes, and labels of addresses; of no other kind.
  const others = Object.entries(content.state.labels).filter(([key]) => !key.startsWith("addr "));
  const labels = writeLabels({ ...content.state, labels: Object.fromEntries(others), frozen: {} });
  return { file: await writeClientserver(content, sealing), labels: labels === "" ? null : labels };
}
