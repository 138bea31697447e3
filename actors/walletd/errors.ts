/** The wallet daemon's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const walletdErrors = errorTable({
  WALLETD_BAD_NAME: {
    meaning: "A wallet's name is empty, too long, or has characters that do not belong in a file's name.",
    remedy: "Use letters, digits, spaces, and . _ - in the middle; at most 100 characters.",
  },
  WALLETD_FILE_MISSING: {
    meaning: "There is no wallet file of that name in the wallets folder.",
    remedy: "List the wallets and check the name. A wallet file that lies elsewhere must be imported first.",
  },
  WALLETD_FILE_EXISTS: {
    meaning: "A wallet of that name is there already; wallet files are never overwritten.",
    remedy: "Choose another name.",
  },
  WALLETD_FILE_LOCKED: {
    meaning: "Another process has this wallet open. Two writers would damage it.",
    remedy: "Stop the other program. A lock whose owner has died does not stand in the way.",
  },
  WALLETD_WRONG_PASSWORD: {
    meaning: "The password does not open this wallet file.",
    remedy: "Try again. Nobody can find out a forgotten password; the wallet's words restore the wallet.",
  },
  WALLETD_TOO_MANY_TRIES: {
    meaning: "There were several wrong passwords in a row, so the next try has to wait.",
    remedy: "Wait as long as `retryAfterMs` says. The right password is not tried before that either.",
  },
  WALLETD_FILE_TRUNCATED: {
    meaning: "The wallet file ends in the middle of its first part: it was not copied whole.",
    remedy: "Copy it again, or take a backup. Nothing was changed.",
  },
  WALLETD_FILE_CORRUPT: {
    meaning:
      "Bytes of the wallet file are not what was written: the disk is failing, or somebody changed it.",
    remedy:
      "Keep the file, take a backup, or restore the wallet from its words. Check the disk. Nothing was changed.",
  },
  WALLETD_FILE_VERSION: {
    meaning: "The wallet file was written by a newer release than this one.",
    remedy: "Run the newer release. Nothing was changed.",
  },
  WALLETD_FILE_UNKNOWN: {
    meaning: "The file is not a wallet of any form that we read.",
    remedy: "Give a wallet file of ours, of joinmarket-clientserver or of joinmarket-ng, or the words.",
  },
  WALLETD_FILE_UNSUPPORTED: {
    meaning: "The wallet file is whole, but of a kind that we do not take over; the message says which.",
    remedy: "Send the coins to a new wallet with the program that made the file.",
  },
  WALLETD_FILE_NETWORK: {
    meaning: "The wallet belongs to another network than the one we run on.",
    remedy: "Open it where Troupe runs on the network named in the message.",
  },
  WALLETD_DISK_FULL: {
    meaning: "The disk that holds the wallets is full, so the change was not made.",
    remedy: "Free space, then repeat. The wallet is as it was before.",
  },
  WALLETD_DISK_READ_ONLY: {
    meaning: "The wallet file or its folder may not be written by us, or not be read.",
    remedy: "Check who owns the wallets folder and whether its disk is mounted read-only.",
  },
  WALLETD_DISK_FAILED: {
    meaning:
      "The disk refused to read or write the wallet file; whether the last change was kept is unknown.",
    remedy: "Check the disk. Lock and unlock the wallet: it then shows what is really in the file.",
  },
  WALLETD_STORE_CLOSED: {
    meaning: "The wallet was locked while something still wanted to change it.",
    remedy: "Unlock the wallet and repeat.",
  },
});

/** What a program may want to know of a refusal beside its code. */
export type WalletdFileFailure =
  | { readonly code: "WALLETD_TOO_MANY_TRIES"; readonly wallet: string; readonly retryAfterMs: number }
  | {
      readonly code: Exclude<keyof typeof walletdErrors, "WALLETD_TOO_MANY_TRIES">;
      readonly wallet: string;
    };
