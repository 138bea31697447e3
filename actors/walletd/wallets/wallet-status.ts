/** What `status` tells of an open wallet. */
import type { z } from "zod";
import type { WalletStatusSchema } from "../../../bus/contracts/walletd/objects.ts";
import type { Grants } from "../sign/grants.ts";
import type { OpenWallet } from "./open-wallet.ts";

export type WalletStatus = z.infer<typeof WalletStatusSchema>;

export function statusOf(wallet: OpenWallet, grants: Grants): WalletStatus {
  const { state, sync, view, keys } = wallet;
  return {
    wallet: wallet.name,
    type: state.scriptType,
    hasBonds: state.hasBonds,
    canSign: keys.canSign,
    fingerprint: wallet.fingerprint,
    clientserverId: keys.canSign ? keys.clientserverId() : null,
    joinmarketNgId: keys.canSign ? keys.ngFingerprint() : null,
    createdAtS: state.createdAtMs === undefined ? null : Math.floor(state.createdAtMs / 1_000),
    creationHeight: state.creationHeight ?? null,
    mixdepths: state.mixdepths,
    gap: wallet.settings.gap,
    sync: {
      isKnown: sync.isKnown,
      isScanning: sync.isScanning,
      progress: sync.progress,
      tip: view.tip ?? null,
      scripts: sync.scripts,
      lookedUp: sync.lookedUp,
      transactions: view.transactionCount,
      trouble: sync.trouble,
    },
    reservations: Object.values(state.reservations).filter(({ untilMs }) => untilMs > wallet.nowMs).length,
    grants: grants.of(wallet.name).map(({ id, caller, expiresAtMs }) => ({
      id,
      caller,
      expiresAtS: Math.floor(expiresAtMs / 1_000),
      reservations: Object.values(state.reservations).filter(
        ({ owner, untilMs }) => owner === id && untilMs > wallet.nowMs,
      ).length,
    })),
  };
}
