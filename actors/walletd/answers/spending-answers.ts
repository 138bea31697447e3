/** Answers to what spends and signs for the owner, and what was spent. */

import type { Network } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { signMessage, verifyMessage } from "../../../bitcoin/signing/message.ts";
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { parseKeyPath } from "../../../joinmarket/wallet/paths.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { denials } from "../denials.ts";
import { type Desk, ownedBy } from "./owner-desk.ts";

/** What tells the three forms of a signature apart. */
const COMPACT_BYTES = 65;
const BIP137_HEADER_MIN = 35;

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
    yieldReport: (owned, call) => ({ lines: desk.history.yieldLines(ownedBy(desk, owned, call)) }),
    signMessage({ path, message, form, ...owned }, call) {
      const open = ownedBy(desk, owned, call);
      open.needKeys();
      const { keys } = open;
      const key = keyAt(keys, path);
      const { kind } = key.spending;
      if (kind === "bond") throw denials.noSuchPlace("address for messages at a bond's place");
      const privateKey = keys.privateKey(key.path);
      try {
        const format = form === "clientserver" ? "legacy" : form;
        const bytes = Buffer.from(message, "utf8");
        desk.metrics.signed("message");
        return { signature: signMessage(bytes, privateKey, kind, format), address: key.address };
      } finally {
        privateKey.fill(0);
      }
    },
    verifyMessage({ address, message, signature }) {
      return { form: formOf(address, message, signature, desk.network) };
    },
  };
}

function keyAt(keys: WalletKeys, text: string): WalletKey {
  try {
    const imported = keys.imported.find(({ pathText }) => pathText === text);
    const key = imported ?? keys.key(parseKeyPath(text));
    // The path of a wallet of another type or network leads to a key here too, but not to the one that was meant.
    if (key.pathText === text) return key;
  } catch (error) {
    if (!hasCode(error, "JOINMARKET_BAD_PATH") && !hasCode(error, "JOINMARKET_NO_SUCH_KEY")) throw error;
  }
  throw denials.noSuchPlace(`key at ${text}`);
}

function formOf(address: string, message: string, signature: string, network: Network) {
  try {
    const script = scriptOfAddress(address, network);
    if (!verifyMessage(Buffer.from(message, "utf8"), signature, script)) return null;
  } catch (error) {
    if (!hasCode(error, "BITCOIN_BAD_ADDRESS")) throw error;
    return null;
  }
  const bytes = Buffer.from(signature, "base64");
  if (bytes.length !== COMPACT_BYTES) return "bip322" as const;
  return (bytes[0] ?? 0) >= BIP137_HEADER_MIN ? ("bip137" as const) : ("clientserver" as const);
}
