/** The public keys of a wallet's accounts, from which others may watch it. */
import { accountDescriptor } from "../../../bitcoin/keys/account-text.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

export function publicAccounts(wallet: OpenWallet) {
  const { keys, state, fingerprint } = wallet;
  const mixdepths = Array.from({ length: wallet.mixdepths }, (_, mixdepth) => mixdepth);
  return mixdepths
    .filter((mixdepth) => wallet.hasMixdepth(mixdepth))
    .map((mixdepth) => {
      const path = keys.accountPath(mixdepth);
      const marked = keys.accountText(mixdepth);
      // In a descriptor the mark of joinmarket-clientserver has no place.
      const xpub = marked.slice(marked.lastIndexOf("-") + 1);
      const descriptor = accountDescriptor(xpub, state.scriptType, { fingerprint, path });
      return { mixdepth, path, xpub: marked, descriptor };
    });
}
