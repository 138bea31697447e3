/** What the answers to an owner's requests share: the rack, and what is done with an open wallet. */
import type { Network } from "../../../bitcoin/network.ts";
import type { CallContext } from "../../../bus/bus.ts";
import type { ForeignCoins } from "../../../bus/chain/foreign-coins.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { MedianTime } from "../coins/median-time.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { History } from "../history/history.ts";
import type { WalletdMetrics } from "../metrics.ts";
import type { PsbtDesk } from "../psbt/psbt-desk.ts";
import type { BondSpeaker } from "../sign/bond-speaker.ts";
import type { Granted, Grants } from "../sign/grants.ts";
import type { Bumper } from "../spend/bumper.ts";
import type { Sender } from "../spend/sender.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import type { Owned, WalletRack } from "../wallets/rack.ts";

export interface Desk {
  readonly network: Network;
  readonly config: WalletdConfig;
  readonly clock: Clock;
  readonly rack: WalletRack;
  readonly sender: Sender;
  readonly bumper: Bumper;
  readonly psbts: PsbtDesk;
  readonly medianTime: MedianTime;
  readonly history: History;
  readonly grants: Grants;
  readonly bonds: BondSpeaker;
  /** Looks up coins that are none of ours. */
  readonly chain: ForeignCoins;
  readonly metrics: WalletdMetrics;
  /** From 0 up to 1, from the system's random source. */
  readonly random: () => number;
}

/** One refusal for whatever is wrong with it. */
export function grantedBy(
  { grants, rack }: Desk,
  grant: string,
  { caller }: CallContext,
): { readonly wallet: OpenWallet; readonly by: Granted } {
  const by = grants.need(grant, caller);
  const wallet = rack.openWallet(by.wallet);
  if (wallet === undefined) throw denials.noGrant();
  return { wallet, by };
}

export function ownedBy(desk: Desk, owned: Owned, call: CallContext): OpenWallet {
  return desk.rack.need(owned, call.caller);
}
