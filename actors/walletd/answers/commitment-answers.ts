/** Answers about coins of elsewhere that may stand for a taker's question. */
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { outpointText } from "../coins/script-facts.ts";
import { addExternal, forgetExternal, importExternal, listExternal } from "../sign/external-coins.ts";
import { lend } from "../sign/lent-coins.ts";
import type { LenderCoin } from "../wallets/lender.ts";
import { type Desk, ownedBy } from "./owner-desk.ts";

type CommitmentMethods =
  | "externalCoins"
  | "addExternalCoins"
  | "lendCoins"
  | "importCommitments"
  | "forgetExternalCoins";

export function commitmentAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, CommitmentMethods> {
  return {
    externalCoins: (owned, call) => listExternal(ownedBy(desk, owned, call), desk.chain),
    addExternalCoins({ coins, isTrial, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKeys();
      return addExternal(wallet, { coins, isTrial }, desk.chain);
    },
    async lendCoins({ from, outpoints, isTrial, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKeys();
      const wish = { named: outpoints?.map(outpointText), isTrial };
      if ("session" in from) {
        const lender = ownedBy(desk, from, call);
        lender.needKeys();
        lender.needKnown();
        const privateKey = ({ key }: LenderCoin) => ownedBy(desk, from, call).keys.privateKey(key.path);
        return lend(wallet, { coins: () => lender.coins(), privateKey }, wish, desk.chain);
      }
      const { name, file, password, passphrase } = from;
      const bytes = Buffer.from(file, "base64");
      try {
        const glimpse = { name, bytes, password, passphrase, signal: call.signal };
        return await desk.rack.peek(glimpse, (lender) => lend(wallet, lender, wish, desk.chain));
      } finally {
        // It may be words, or private keys, as they are.
        bytes.fill(0);
      }
    },
    importCommitments({ file, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKeys();
      return importExternal(wallet, file);
    },
    forgetExternalCoins({ outpoints, ...owned }, call) {
      const named = outpoints?.map(outpointText);
      return forgetExternal(ownedBy(desk, owned, call), named);
    },
  };
}
