/** Every way in which a wallet file is refused, in words for its owner. No message holds a secret or a byte of a file. */
import { TroupeError } from "../../../runtime/errors.ts";
import type { WalletdFileFailure } from "../errors.ts";

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const NOT_OURS = new Set(["EROFS", "EACCES", "EPERM", "ERR_ACCESS_DENIED"]);

export const refusals = {
  badName(name: string): TroupeError {
    const shown = JSON.stringify(name.slice(0, 60));
    return refusal(
      { code: "WALLETD_BAD_NAME", wallet: "" },
      `${shown} cannot be a wallet's name. Use letters, digits, spaces, and . _ - in the middle; at most 100.`,
    );
  },
  missing(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_MISSING", wallet },
      `There is no wallet ${wallet}. Choose one of those that are listed.`,
    );
  },
  exists(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_EXISTS", wallet },
      `There is a file ${wallet} already, and wallet files are never overwritten. Choose another name.`,
    );
  },
  locked(wallet: string, owner: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_LOCKED", wallet },
      `The wallet ${wallet} is open in ${owner}. Close it there first.`,
    );
  },
  wrongPassword(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_WRONG_PASSWORD", wallet },
      `That is not the password of ${wallet}. Nothing was changed; try again.`,
    );
  },
  /** Of forms in which a wrong password and a damaged file look the same. */
  wrongPasswordOrDamaged(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_WRONG_PASSWORD", wallet },
      `That is not the password of ${wallet}, or the file is damaged: its form cannot tell which. It was not touched.`,
    );
  },
  tooManyTries(wallet: string, retryAfterMs: number): TroupeError {
    return refusal(
      { code: "WALLETD_TOO_MANY_TRIES", wallet, retryAfterMs },
      `Too many wrong passwords for ${wallet}. Wait ${Math.ceil(retryAfterMs / 1000)} s and try again.`,
    );
  },
  truncated(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_TRUNCATED", wallet },
      `The wallet file ${wallet} ends too early: it was not copied whole. Copy it again or take a backup.`,
    );
  },
  corrupt(wallet: string, where: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_CORRUPT", wallet },
      `The wallet file ${wallet} is damaged or was changed (${where}). Keep it, and take a backup or the words.`,
    );
  },
  newer(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_VERSION", wallet },
      `The wallet file ${wallet} was written by a newer release. Run that release.`,
    );
  },
  unknown(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_UNKNOWN", wallet },
      `The file ${wallet} is not a wallet of ours, of joinmarket-clientserver or of joinmarket-ng. It was not touched: take a backup, or the words.`,
    );
  },
  unsupported(wallet: string, what: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_UNSUPPORTED", wallet },
      `The wallet file ${wallet} cannot be taken over: ${what}.`,
    );
  },
  ours(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_UNSUPPORTED", wallet },
      `The file for ${wallet} is a wallet of ours already: copy it into the wallets folder, and unlock it.`,
    );
  },
  passphraseInFile(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_UNSUPPORTED", wallet },
      `The wallet file ${wallet} keeps its BIP39 passphrase itself. Open it without giving one.`,
    );
  },
  notWritten(why: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_UNSUPPORTED", wallet: "" },
      `The wallet cannot be written in that form: ${why}.`,
    );
  },
  otherNetwork(wallet: string, network: string): TroupeError {
    return refusal(
      { code: "WALLETD_FILE_NETWORK", wallet },
      `The wallet ${wallet} is of the network ${network}, where its coins are. Open it there.`,
    );
  },
  closed(wallet: string): TroupeError {
    return refusal(
      { code: "WALLETD_STORE_CLOSED", wallet },
      `The wallet ${wallet} has been locked. Unlock it and repeat.`,
    );
  },
  /** What the system said of a read or a write, as a refusal; one of ours stays as it is. */
  disk(wallet: string, thrown: unknown): TroupeError {
    if (thrown instanceof TroupeError) return thrown;
    const reason = (thrown as NodeJS.ErrnoException | undefined)?.code ?? "unknown";
    if (FULL.has(reason)) {
      return refusal(
        { code: "WALLETD_DISK_FULL", wallet },
        `The disk is full: the wallet file ${wallet} could not be written, and nothing was changed. Free some space.`,
      );
    }
    if (NOT_OURS.has(reason)) {
      return refusal(
        { code: "WALLETD_DISK_READ_ONLY", wallet },
        `The wallet ${wallet} may not be read or written by us (${reason}). Check the folder's owner and its disk.`,
      );
    }
    if (reason === "ENOENT") return refusals.missing(wallet);
    return refusals.unsure(wallet, thrown);
  },
  /** A write that may have happened or not. */
  unsure(wallet: string, thrown: unknown): TroupeError {
    const reason = (thrown as NodeJS.ErrnoException | undefined)?.code ?? "unknown";
    return refusal(
      { code: "WALLETD_DISK_FAILED", wallet },
      `The disk refused the wallet ${wallet} (${reason}). Check the disk, then lock and unlock the wallet.`,
      thrown,
    );
  },
} as const;

function refusal(failure: WalletdFileFailure, message: string, cause?: unknown): TroupeError {
  return new TroupeError(failure, message, cause === undefined ? undefined : { cause });
}
