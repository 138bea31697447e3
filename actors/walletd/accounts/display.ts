/** The wallet as its owner reads it: accounts, their branches, addresses with coins and the next unused ones. */
import type { z } from "zod";
import type { AccountSchema, BranchSchema, EntrySchema } from "../../../bus/contracts/walletd/objects.ts";
import {
  BOND_CHAIN,
  BURN_CHAIN,
  EXTERNAL_CHAIN,
  IMPORTED_CHAIN,
  INTERNAL_CHAIN,
} from "../../../joinmarket/wallet/paths.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";

type Account = z.infer<typeof AccountSchema>;
type BranchView = z.infer<typeof BranchSchema>;
type Entry = z.infer<typeof EntrySchema>;
type Use = Entry["use"];

/** A wallet may be watched much further than anybody reads. */
const LISTED_MAX = 100;

export function displayOf(wallet: OpenWallet): Account[] {
  const mixdepths = Array.from({ length: wallet.mixdepths }, (_, mixdepth) => mixdepth);
  return mixdepths
    .filter((mixdepth) => wallet.hasMixdepth(mixdepth))
    .map((mixdepth) => {
      const coins = wallet.coins(mixdepth);
      const branches = [
        branchView(wallet, { mixdepth, chain: EXTERNAL_CHAIN, kind: "external" }, coins),
        branchView(wallet, { mixdepth, chain: INTERNAL_CHAIN, kind: "internal" }, coins),
      ];
      if (mixdepth === 0 && wallet.state.hasBonds) {
        branches.push(branchView(wallet, { mixdepth, chain: BOND_CHAIN, kind: "bonds" }, coins));
        branches.push(branchView(wallet, { mixdepth, chain: BURN_CHAIN, kind: "burn" }, []));
      }
      if (wallet.book.branch({ mixdepth, chain: IMPORTED_CHAIN }).length > 0) {
        branches.push(branchView(wallet, { mixdepth, chain: IMPORTED_CHAIN, kind: "imported" }, coins));
      }
      return {
        mixdepth,
        balanceSat: sumOf(branches, "balanceSat"),
        availableSat: sumOf(branches, "availableSat"),
        branches,
      };
    });
}

function branchView(
  wallet: OpenWallet,
  { mixdepth, chain, kind }: { mixdepth: number; chain: number; kind: BranchView["kind"] },
  coins: readonly StandingCoin[],
): BranchView {
  const byIndex = new Map<number, StandingCoin[]>();
  for (const coin of coins) {
    const { path } = coin.key;
    if (path.chain !== chain) continue;
    const own = byIndex.get(path.index);
    if (own === undefined) byIndex.set(path.index, [coin]);
    else own.push(coin);
  }
  const fresh = wallet.freshIndex({ mixdepth, chain });
  const shown = wallet.book
    .branch({ mixdepth, chain })
    .filter((key) => byIndex.has(key.path.index) || isListed(wallet, key, fresh));
  const entries = shown.map((key) => entryOf(wallet, key, byIndex.get(key.path.index) ?? []));
  return {
    kind,
    ...placeOf(wallet, mixdepth, chain),
    balanceSat: sumOf(entries, "amountSat"),
    availableSat: sumOf(entries, "availableSat"),
    entries,
  };
}

function placeOf(wallet: OpenWallet, mixdepth: number, chain: number): Pick<BranchView, "path" | "xpub"> {
  // As joinmarket-clientserver calls it; no key is above these.
  if (chain === IMPORTED_CHAIN) return { path: "m/0", xpub: null };
  return {
    path: `m/${wallet.state.scriptType === "bip84" ? 84 : 49}'/${coinOf(wallet)}'/${mixdepth}'/${chain}`,
    xpub: chain === INTERNAL_CHAIN ? null : wallet.keys.branchText(mixdepth, chain),
  };
}

/** Without coins: the next unused addresses that may be given to others, and bonds whose address was given out. */
function isListed(wallet: OpenWallet, { path, address }: WalletKey, fresh: number): boolean {
  if (path.chain === IMPORTED_CHAIN) return true;
  if (path.chain === BOND_CHAIN) return wallet.state.bonds[address] !== undefined;
  const listed = Math.min(wallet.settings.gap, LISTED_MAX);
  return path.chain === EXTERNAL_CHAIN && path.index >= fresh && path.index < fresh + listed;
}

function entryOf(wallet: OpenWallet, key: WalletKey, coins: readonly StandingCoin[]): Entry {
  const available = coins.filter(({ standing }) => standing.isSpendable);
  return {
    path: key.pathText,
    index: key.path.index,
    address: key.address,
    use: useOf(wallet, key, coins),
    label: wallet.label("addr", key.address),
    amountSat: sumOf(coins, "amountSat"),
    availableSat: sumOf(available, "amountSat"),
    coins: coins.length,
    hasFrozen: coins.some(({ standing }) => standing.isFrozen),
    hasUnconfirmed: coins.some(({ height }) => height === null),
    locktimeS: key.spending.kind === "bond" ? key.spending.locktime : null,
  };
}

function useOf(wallet: OpenWallet, key: WalletKey, coins: readonly StandingCoin[]): Use {
  const [coin, second] = coins;
  if (coin === undefined) return wallet.view.facts(key.scriptHash).history.length === 0 ? "new" : "used";
  return second === undefined ? wallet.transactions.roleOf(coin) : "reused";
}

function coinOf({ network }: OpenWallet): 0 | 1 {
  return network.name === "mainnet" ? 0 : 1;
}

function sumOf<K extends string>(items: readonly Readonly<Record<K, number>>[], field: K): number {
  return items.reduce((sum, item) => sum + item[field], 0);
}
