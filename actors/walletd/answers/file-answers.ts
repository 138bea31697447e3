/** Answers about wallet files: making, opening and closing them, and showing the words. */
import { newMnemonic } from "../../../bitcoin/keys/mnemonic.ts";
import type { Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { publicAccounts } from "../accounts/public-accounts.ts";
import { denials } from "../denials.ts";
import { formOf } from "../files/open-foreign.ts";
import { wipeSecrets } from "../store/wallet-secrets.ts";
import type { Desk } from "./owner-desk.ts";
import { ownedBy } from "./owner-desk.ts";

type FileMethods =
  | "list"
  | "create"
  | "recover"
  | "importFile"
  | "exportFile"
  | "watch"
  | "publicKeys"
  | "unlock"
  | "lock"
  | "changePassword"
  | "revealSeed";

export function fileAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, FileMethods> {
  const { rack, config } = desk;
  return {
    async list() {
      const files = await rack.folder.list();
      return {
        wallets: await Promise.all(
          files.map(async (wallet) => ({
            wallet,
            form: await rack.folder.form(wallet),
            isUnlocked: rack.isOpen(wallet),
          })),
        ),
      };
    },
    async create({ wordCount, ...wish }, { caller }) {
      const { wallet, session, words } = await rack.create(wish, wordCount, caller);
      return { session, words, fingerprint: wallet.fingerprint };
    },
    async recover(wish, { caller }) {
      const { wallet, session } = await rack.recover(wish, caller);
      return { session, fingerprint: wallet.fingerprint };
    },
    async importFile({ file, labels, history, ...wish }, { caller }) {
      const bytes = Buffer.from(file, "base64");
      try {
        const form = formOf(bytes) ?? "unknown";
        const opened = await rack.importFile(wish, bytes, { labels, history }, caller);
        const { wallet, session, taken, ignored } = opened;
        const { fingerprint, keys } = wallet;
        return { session, fingerprint, form, joinmarketNgId: keys.ngFingerprint(), taken, ignored };
      } finally {
        // It may be words, or private keys, as they are.
        bytes.fill(0);
      }
    },
    async exportFile({ password, form, ...owned }, call) {
      const open = ownedBy(desk, owned, call);
      open.needKeys();
      const { store, keys } = open;
      await rack.folder.checkPassword(store, password);
      // Copies: what is lent is wiped before the file's key is made.
      const secrets = store.withSecrets((lent) => structuredClone(lent));
      try {
        const content = { state: store.state, secrets };
        const { file, labels } = await rack.folder.write(form, content, password, open.handedOut());
        return { file: file.toString("base64"), labels, joinmarketNgId: keys.ngFingerprint() };
      } finally {
        wipeSecrets(secrets);
      }
    },
    async watch(wish, { caller }) {
      const { wallet, session } = await rack.watch(wish, caller);
      return { session, fingerprint: wallet.fingerprint };
    },
    publicKeys: (owned, call) => ({ accounts: publicAccounts(ownedBy(desk, owned, call)) }),
    async unlock(wish, { caller }) {
      const form = await rack.folder.form(wish.wallet);
      const { session, wasUnlocked, wallet } = await rack.unlock(wish, caller);
      return { session, wasUnlocked, form, fingerprint: wallet.fingerprint };
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
      const open = ownedBy(desk, owned, call);
      open.needKeys();
      const { store, name } = open;
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
