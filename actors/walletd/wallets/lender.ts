/** A wallet whose owner lends its coins to another: one that is open, or another program's file, looked at once and not kept. */
import { countedBranches, ScriptBook } from "../accounts/script-book.ts";
import { CoinView, type OwnCoin } from "../coins/coin-view.ts";
import { reservedNow, type Standing, standingOf } from "../coins/standing.ts";
import { WalletSync } from "../coins/wallet-sync.ts";
import { denials } from "../denials.ts";
import type { ImportedWallet } from "../files/imported-wallet.ts";
import { branchKey } from "../store/wallet-change.ts";
import { wipeSecrets } from "../store/wallet-secrets.ts";
import { keysOf } from "./keys-of.ts";
import type { WalletParts } from "./open-wallet.ts";
import { readSettings } from "./wallet-settings.ts";

export interface LenderCoin extends OwnCoin {
  readonly standing: Standing;
}

export interface Lender {
  coins(): readonly LenderCoin[];
  /** A copy, which the caller overwrites; throws when the wallet is not open any more. */
  privateKey(coin: LenderCoin): Uint8Array;
}

export interface Glimpse {
  /** As people call the file; for messages. */
  readonly name: string;
  readonly bytes: Buffer;
  readonly password: string;
  readonly passphrase: string;
  /** Ends the looking up: nobody waits for it any more. */
  readonly signal: AbortSignal;
}

type GlimpseParts = Pick<WalletParts, "network" | "config" | "clock" | "feed" | "lookup" | "medianTime">;

/** Its coins as the chain has them now. Its keys are gone when the work is done. */
export async function withGlimpse<A>(
  { name, signal }: Glimpse,
  { state, secrets }: ImportedWallet,
  { network, config, clock, feed, lookup, medianTime }: GlimpseParts,
  work: (lender: Lender) => Promise<A>,
): Promise<A> {
  const keys = keysOf(state, secrets, network);
  wipeSecrets(secrets);
  const settings = readSettings(state.settings, config);
  const book = new ScriptBook(keys);
  const view = new CoinView(book);
  const sync = new WalletSync({
    ...{ book, view, feed, lookup, clock },
    branches: () => countedBranches(state.mixdepths),
    hasBonds: state.hasBonds,
    gap: () => settings.gap,
    nextIndex: ({ mixdepth, chain }) => state.nextIndexes[branchKey(mixdepth, chain)] ?? 0,
    onChange: () => {},
  });
  sync.start();
  try {
    await Promise.race([sync.settled(), aborted(signal)]);
    if (signal.aborted) throw denials.notSynced(name, sync.progress);
    const rules = {
      ...{ state, reserved: reservedNow(state, clock.now()), medianTimeS: medianTime.timeS },
      freezeReuseSat: settings.freezeReuseSat,
    };
    return await work({
      coins: () => [...view.coins.values()].map((coin) => ({ ...coin, standing: standingOf(coin, rules) })),
      privateKey: ({ key }) => keys.privateKey(key.path),
    });
  } finally {
    await sync.stop();
    keys.wipe();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
