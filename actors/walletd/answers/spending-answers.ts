/** Answers to what spends and signs for the owner, and what was spent. */
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { formOfSignature, signedMessage } from "../sign/messages.ts";
import { type Desk, ownedBy } from "./owner-desk.ts";

type SpendingMethods =
  | "send"
  | "bump"
  | "psbtCreate"
  | "psbtBump"
  | "psbtShow"
  | "psbtSign"
  | "psbtFinish"
  | "psbtCancel"
  | "history"
  | "historyCsv"
  | "yieldReport"
  | "signMessage"
  | "verifyMessage";

export function spendingAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, SpendingMethods> {
  return {
    send({ isDryRun, label, wallet, session, ...wish }, call) {
      const open = ownedBy(desk, { wallet, session }, call);
      if (isDryRun) return desk.sender.dryRun(open, wish);
      return desk.sender.send(open, wish, { caller: call.caller, key: call.key ?? "" }, label);
    },
    bump({ isDryRun, wallet, session, ...wish }, call) {
      const open = ownedBy(desk, { wallet, session }, call);
      if (isDryRun) return desk.bumper.dryRun(open, wish);
      return desk.bumper.bump(open, wish, { caller: call.caller, key: call.key ?? "" });
    },
    psbtCreate: ({ wallet, session, version, ...wish }, call) =>
      desk.psbts.create(ownedBy(desk, { wallet, session }, call), wish, version),
    psbtBump: ({ wallet, session, version, ...wish }, call) =>
      desk.psbts.replace(ownedBy(desk, { wallet, session }, call), wish, version),
    psbtShow: ({ psbt, ...owned }, call) => desk.psbts.show(ownedBy(desk, owned, call), psbt),
    psbtSign: ({ psbt, ...owned }, call) => desk.psbts.sign(ownedBy(desk, owned, call), psbt, call.caller),
    psbtFinish: ({ psbt, signedTx, isSent, ...owned }, call) =>
      desk.psbts.finish(ownedBy(desk, owned, call), { psbt, signedTx }, { caller: call.caller, isSent }),
    psbtCancel: ({ txid, ...owned }, call) => desk.psbts.cancel(ownedBy(desk, owned, call), txid),
    history({ limit, offset, ...owned }, call) {
      const open = ownedBy(desk, owned, call);
      open.needKnown();
      return desk.history.entries(open, { limit, offset });
    },
    async historyCsv(owned, call) {
      const open = ownedBy(desk, owned, call);
      open.needKnown();
      return { text: await desk.history.csv(open) };
    },
    // Asked at the wallet door without a token, as the status is.
    yieldReport: (owned, call) => ({ lines: desk.history.yieldLines(desk.rack.look(owned, call.caller)) }),
    signMessage({ path: place, message, form, ...owned }, call) {
      const signed = signedMessage(ownedBy(desk, owned, call), { place, message, form }, desk.network);
      desk.metrics.signed("message");
      return signed;
    },
    verifyMessage: (claim) => ({ form: formOfSignature(claim, desk.network) }),
  };
}
