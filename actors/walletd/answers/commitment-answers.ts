/** Answers about coins of elsewhere that may stand for a taker's question. */
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { outpointText } from "../coins/script-facts.ts";
import { addExternal, forgetExternal, importExternal, listExternal } from "../sign/external-coins.ts";
import { type Desk, ownedBy } from "./owner-desk.ts";

type CommitmentMethods = "externalCoins" | "addExternalCoins" | "importCommitments" | "forgetExternalCoins";

export function commitmentAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, CommitmentMethods> {
  return {
    externalCoins: (owned, call) => listExternal(ownedBy(desk, owned, call), desk.chain),
    addExternalCoins({ coins, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKeys();
      return addExternal(wallet, coins, desk.chain);
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
