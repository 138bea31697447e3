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
  WALLETD_NO_SESSION: {
    meaning: "The wallet is locked, or the session is unknown, worn out, or somebody else's.",
    remedy: "Unlock the wallet with its password and use the session that this gives.",
  },
  WALLETD_WATCH_ONLY: {
    meaning: "The wallet was made from public keys: it sees its coins and cannot sign.",
    remedy:
      "Make a PSBT (`supervisor wallet psbt create`), sign it where the keys are, and bring it back to `psbt finish`.",
  },
  WALLETD_ACCOUNT_KEY: {
    meaning:
      "The text is not the public key of a wallet's account, or several of them do not belong together.",
    remedy:
      "Give what `supervisor wallet xpub` shows, or the account key of another wallet: xpub, zpub, ypub, or a wpkh(…) descriptor.",
  },
  WALLETD_TOO_MANY_OPEN: {
    meaning: "As many wallets as `open_max` allows are unlocked.",
    remedy: "Lock one, or raise `open_max` in [walletd].",
  },
  WALLETD_WORDS: {
    meaning: "The words are not a seed: a word is unknown, one is missing, or their checksum is wrong.",
    remedy: "Compare them with what was written down, word by word and in order.",
  },
  WALLETD_PASSWORD_NEEDED: {
    meaning: "The words are only shown to whoever gives the password again.",
    remedy:
      "Give the password. Where no client asks for it, `seed_over_http` in [walletd] allows it without.",
  },
  WALLETD_NOT_SYNCED: {
    meaning:
      "The wallet's scripts have not all been looked up since it was unlocked, so its coins are not known.",
    remedy: "Wait; `status` tells how far it is, and why it does not advance if it does not.",
  },
  WALLETD_FUNDS: {
    meaning: "The coins that may be spent do not reach for the amount with its fee.",
    remedy:
      "Send less, lower the fee, wait for confirmations, or unfreeze coins. A mixdepth is never mixed with another.",
  },
  WALLETD_COIN: {
    meaning: "A coin that was named cannot be spent in this transaction; `why` says for what reason.",
    remedy: "List the coins and name others; unfreeze one that is frozen.",
  },
  WALLETD_ADDRESS: {
    meaning: "The address is not one of this network, or of no form that we can pay to.",
    remedy: "Compare it with where it comes from, character by character.",
  },
  WALLETD_DUST: {
    meaning: "So small an output costs more to spend than it is worth, and no node takes it.",
    remedy: "Send more than `dustSat`.",
  },
  WALLETD_FEE: {
    meaning: "The fee is below what the node takes, or so high that it must be a mistake.",
    remedy: "Give a fee between the two numbers of the answer.",
  },
  WALLETD_LIMIT: {
    meaning: "The spending limit of this door is reached; it grows again with time.",
    remedy:
      "Wait, send less, or raise `send_sat_per_day` in [walletd]. The operator's own commands have no limit.",
  },
  WALLETD_NOT_TAKEN: {
    meaning: "The node does not take the transaction, so nothing was sent and its coins are free again.",
    remedy: "Read the node's reason: most often a fee that is too low, or a coin that was spent elsewhere.",
  },
  WALLETD_NOT_KNOWN_SENT: {
    meaning:
      "The transaction is signed and written down, but whether the node has it, or had it before it refused it, is not known.",
    remedy:
      "Repeat the same request with the same key: it sends the same transaction and no other. Its coins stay set aside until it is mined or one of them is spent elsewhere, or for two weeks.",
  },
  WALLETD_NOT_BUMPABLE: {
    meaning:
      "The transaction cannot be replaced: it is confirmed, not ours, or has nothing to pay more from.",
    remedy: "Wait for it, or spend its output with a higher fee.",
  },
  WALLETD_PSBT: {
    meaning: "The PSBT cannot be read, contradicts itself, or holds something that we do not sign.",
    remedy: "Make it again with the program that it comes from; the message says what is wrong.",
  },
  WALLETD_NO_SUCH_PLACE: {
    meaning: "The wallet has no such mixdepth, branch, month or key.",
    remedy: "Look at `display` for what there is. Bonds need a wallet that was made with them.",
  },
  WALLETD_TOO_MANY: {
    meaning: "The wallet holds as many of these as it can.",
    remedy: "Take away some that are not needed.",
  },
  WALLETD_TOO_FAST: {
    meaning: "More of these were asked for than is let through within an hour.",
    remedy:
      "Wait as long as `waitMs` says. If nobody asked for so many, whoever did may be broken into: lock the wallet.",
  },
  WALLETD_SETTING: {
    meaning: "The setting does not take this value.",
    remedy: "Give what `expected` says.",
  },
  WALLETD_NO_GRANT: {
    meaning: "The grant is unknown, revoked, worn out, or another actor's, or its wallet is locked.",
    remedy: "Unlock the wallet and start the maker or taker again.",
  },
  WALLETD_BEYOND_GRANT: {
    meaning: "The request goes beyond what the wallet's owner has granted.",
    remedy: "Start the maker or taker again with other limits, if this was meant.",
  },
  WALLETD_LENDING_OVER: {
    meaning: "Coins of the bank are lent once for each order, and for this one they are not lent any longer.",
    remedy: "The bank gives the order up, or finds that it is paid; ask for a new one if it is still wanted.",
  },
  WALLETD_RESERVATIONS: {
    meaning: "As many coinjoins as are allowed wait for their end.",
    remedy: "Release those that will not come to an end; each ends by itself in time.",
  },
  WALLETD_NO_RESERVATION: {
    meaning: "The reservation is unknown, released, or has run out.",
    remedy: "Begin the coinjoin again.",
  },
  WALLETD_WILL_NOT_SIGN: {
    meaning: "The transaction does not keep what was agreed when its coins were reserved.",
    remedy: "Nothing was signed. `why` says what is wrong; the other side may be trying to cheat.",
  },
  WALLETD_NO_COMMITMENT: {
    meaning: "No coin of this coinjoin can stand for it: too young, too small, or used too often.",
    remedy:
      "Wait until the coins have more confirmations, use others, or lend it one of elsewhere: supervisor coinjoin commitments.",
  },
  WALLETD_EXTERNAL_COIN: {
    meaning: "A coin of elsewhere cannot stand for this wallet's coinjoins; `why` says for what reason.",
    remedy:
      "Name another, or give the key that the coin belongs to. None of those that were named was taken.",
  },
  WALLETD_COMMITMENTS_FILE: {
    meaning: "The file is no commitments.json as joinmarket-clientserver writes it.",
    remedy: "It lies in cmtdata/ of that program's data directory.",
  },
});

/** Of a wallet's file: what a program may want to know of a refusal beside its code. */
export type WalletdFileFailure =
  | { readonly code: "WALLETD_TOO_MANY_TRIES"; readonly wallet: string; readonly retryAfterMs: number }
  | {
      readonly code: Extract<
        keyof typeof walletdErrors,
        "WALLETD_BAD_NAME" | "WALLETD_WRONG_PASSWORD" | `WALLETD_${"FILE" | "DISK" | "STORE"}_${string}`
      >;
      readonly wallet: string;
    };
