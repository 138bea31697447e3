/** Answers about wallet files: making, opening and closing them, and showing the words. */
import { newMnemonic } from "../../../bitcoin/keys/mnemonic.ts";
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { denials } from "../denials.ts";
import type { Desk } from "./owner-desk.ts";
import { ownedBy } from "./owner-desk.ts";

type FileMethods = "list" | "create" | "recover" | "unlock" | "lock" | "changePassword" | "revealSeed";

export function fileAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, FileMethods> {
  const { rack, config } = desk;
  return {
    async list() {
      const files = await rack.folder.list();
      return {
        wallets: files.map((wallet) => ({ wallet, form: "troupe", isUnlocked: rack.isOpen(wallet) })),
      };
    },
    async create({ wordCount, ...wish }, { caller }) {
      const { wallet, session, words } = await rack.create(wish, wordCount, caller);
      return { session, words, fingerprint: wallet.fingerprint };
    },
    async recover({ gap, ...wish }, { caller }) {
      const { wallet, session } = await rack.recover(wish, caller);
      if (gap !== undefined) wallet.sync.rescan(gap);
      return { session, fingerprint: wallet.fingerprint };
    },
    async unlock({ wallet, password }, { caller }) {
      const opened = await rack.unlock(wallet, password, caller);
      const { session, wasUnlocked } = opened;
      return { session, wasUnlocked, fingerprint: opened.wallet.fingerprint };
    },
    async lock({ wallet, session }, call) {
      if (session !== undefined) ownedBy(desk, { wallet, session }, call);
      else if (call.caller !== "operator") throw denials.noSession(wallet);
      return { wasUnlocked: await rack.lock(wallet, "asked") };
    },
    async changePassword({ password, newPassword, ...owned }, call) {
      const { store } = ownedBy(desk, owned, call);
      // At the door first: wrong ones are counted there.
      await rack.folder.checkPassword(store, password);
      await store.changePassword(password, newPassword);
      return {};
    },
    async revealSeed({ password, ...owned }, call) {
      const { store, name } = ownedBy(desk, owned, call);
      const isFree = call.caller === "gateway" && config.seed_over_http === "yes";
      if (password !== undefined) await rack.folder.checkPassword(store, password);
      else if (!isFree) throw denials.passwordNeeded(name);
      return store.withSecrets(({ entropy, passphrase }) => ({
        words: newMnemonic(entropy).words.join(" "),
        passphrase: Buffer.from(passphrase).toString("utf8"),
      }));
    },
  };
}
