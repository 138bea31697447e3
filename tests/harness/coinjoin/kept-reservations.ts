/** What the wallets of a sandbox that has stopped still keep aside, read from their files. */
import { join } from "node:path";
import { WalletFolder } from "../../../actors/walletd/store/wallet-folder.ts";
import { SANDBOX_PASSWORD } from "../../../cli/sandbox/wallet-names.ts";
import { systemClock } from "../../../runtime/clock.ts";

export interface KeptReservation {
  readonly wallet: string;
  /** Whether a transaction was signed for it, which others may send at any time. */
  readonly isSigned: boolean;
  readonly lastsMs: number;
}

export async function keptReservations(data: string, wallets: readonly string[]): Promise<KeptReservation[]> {
  const folder = new WalletFolder({
    directory: join(data, "actors", "walletd", "wallets"),
    network: "regtest",
    clock: systemClock,
    report: () => undefined,
  });
  const kept: KeptReservation[] = [];
  for (const wallet of wallets) {
    const store = await folder.open(wallet, SANDBOX_PASSWORD, "");
    const { reservations, signed } = store.state;
    await store.close();
    for (const [id, { untilMs }] of Object.entries(reservations)) {
      const lastsMs = untilMs - systemClock.now();
      if (lastsMs > 0) kept.push({ wallet, isSigned: Object.hasOwn(signed, id), lastsMs });
    }
  }
  return kept;
}
