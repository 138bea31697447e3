/** What a wallet that only watches is made of: the public keys of its accounts, as whatever program has written them. */
import { bitcoinReason } from "../../../bitcoin/errors.ts";
import { type AccountKey, parseAccountKey } from "../../../bitcoin/keys/account-text.ts";
import { HARDENED, hardened } from "../../../bitcoin/keys/derivation-path.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { coinTypeOf } from "../../../joinmarket/wallet/paths.ts";
import { denials } from "../denials.ts";
import { MIXDEPTH_MAX, type WalletState } from "../store/wallet-state.ts";

export interface AccountsWish {
  readonly keys: readonly string[];
  /** Where the keys do not say it. */
  readonly type?: WalletState["scriptType"] | undefined;
  readonly fingerprint?: string | undefined;
  readonly hasBonds: boolean;
}

export interface Accounts {
  readonly type: WalletState["scriptType"];
  readonly hasBonds: boolean;
  readonly mixdepths: number;
  readonly watched: NonNullable<WalletState["watched"]>;
}

/** joinmarket-clientserver's mark of an account that has bonds. */
const BOND_MARK = "fbonds-mpk-";
/** `m/purpose'/coin'/mixdepth'`. */
const ACCOUNT_DEPTH = 3;

export function accountsOf(wish: AccountsWish, network: Network): Accounts {
  const keys = wish.keys.map((text) => readKey(text, network));
  const type = one("kinds of addresses", [
    ...keys.flatMap((key) => key.type ?? []),
    ...(wish.type === undefined ? [] : [wish.type]),
  ]);
  const fingerprint = one("wallets", [
    ...keys.flatMap(({ origin }) => origin?.fingerprint ?? []),
    ...(wish.fingerprint === undefined ? [] : [wish.fingerprint]),
  ]);
  const found = type ?? "bip84";
  const mixdepths = keys.map((key) => mixdepthOf(key, found, network));
  if (new Set(mixdepths).size < mixdepths.length) throw denials.accountKey("two of them are of one mixdepth");
  const hasBonds = wish.hasBonds || wish.keys.some((text) => text.trim().startsWith(BOND_MARK));
  if (hasBonds && found === "bip49") throw denials.accountKey("a nested SegWit wallet has no fidelity bonds");
  if (hasBonds && !mixdepths.includes(0)) {
    throw denials.accountKey("fidelity bonds are in mixdepth 0, and its key is not among them");
  }
  return {
    type: found,
    hasBonds,
    mixdepths: Math.max(...mixdepths) + 1,
    watched: {
      keys: keys.map(({ key }) => key.publicText()),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    },
  };
}

function readKey(text: string, network: Network): AccountKey {
  const bare = text.trim();
  try {
    return parseAccountKey(bare.startsWith(BOND_MARK) ? bare.slice(BOND_MARK.length) : bare, network);
  } catch (error) {
    const reason = bitcoinReason(error);
    if (reason === undefined) throw error;
    throw denials.accountKey(reason);
  }
}

/** Its place is in the key and, if it says where it comes from, there too: both must be a place of such a wallet. */
function mixdepthOf({ key, origin }: AccountKey, type: WalletState["scriptType"], network: Network): number {
  const mixdepth = key.lastStep - HARDENED;
  if (key.depth !== ACCOUNT_DEPTH || mixdepth < 0 || mixdepth > MIXDEPTH_MAX) {
    throw denials.accountKey("it is not at a place like m/84'/0'/0', where wallets have their accounts");
  }
  const place = [hardened(type === "bip84" ? 84 : 49), hardened(coinTypeOf(network)), key.lastStep];
  if (
    origin !== undefined &&
    !(origin.steps.length === 3 && place.every((step, i) => step === origin.steps[i]))
  ) {
    throw denials.accountKey("where it says it comes from is no account of such a wallet on this network");
  }
  return mixdepth;
}

function one<T extends string>(what: string, said: readonly T[]): T | undefined {
  if (new Set(said).size > 1) throw denials.accountKey(`they are of different ${what}`);
  return said[0];
}
