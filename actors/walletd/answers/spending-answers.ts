/** Answers to what spends and signs for the owner, and what was spent. */
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { type Desk, ownedBy } from "./owner-desk.ts";

type SpendingMethods = "send";

export function spendingAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, SpendingMethods> {
  return {
    send({ isDryRun, label, wallet, session, ...wish }, call) {
      const open = ownedBy(desk, { wallet, session }, call);
      if (isDryRun) return desk.sender.dryRun(open, wish);
      return desk.sender.send(open, wish, { caller: call.caller, key: call.key ?? "" }, label);
    },
  };
}
