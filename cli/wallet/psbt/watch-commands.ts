/** `supervisor wallet create --xpub` and `xpub`: wallets that only watch, and the public keys that they are made of. */
import { misuse } from "../../errors.ts";
import { readNamed } from "../../named-file.ts";
import { lineWidth, pageOf, type Terminal } from "../../terminal-io.ts";
import { wrap } from "../../view/terminal.ts";
import { wholeNumber } from "../../whole-number.ts";
import { newPassword } from "../input/secret-input.ts";
import { atDesk, type WalletOptions } from "../wallet-desk.ts";

export interface WatchOptions extends WalletOptions {
  readonly passphrase?: boolean;
  readonly legacy?: boolean;
  readonly xpub?: string[];
  readonly xpubFile?: string;
  readonly fingerprint?: string;
  readonly gap?: string;
}

/** A hundred descriptors. */
const KEYS_BYTES_MAX = 64 * 1024;

/** From public keys: no words are made, and none can be shown. */
export function watch(options: WatchOptions, terminal: Terminal): Promise<number> {
  const fromFile =
    options.xpubFile === undefined
      ? []
      : readNamed(options.xpubFile, KEYS_BYTES_MAX)
          .toString("utf8")
          .split(/\r?\n/)
          .filter((line) => line.trim());
  const keys = [...(options.xpub ?? []), ...fromFile].map((line) => line.trim());
  const fingerprint = options.fingerprint?.toLowerCase();
  const gap = options.gap === undefined ? {} : { gap: wholeNumber("--gap", options.gap, 1, 10_000) };
  const { typed } = pageOf(terminal, options);
  if (keys.length === 0) throw misuse(`There is no key in ${options.xpubFile}.`);
  if (options.passphrase) throw misuse("A passphrase belongs to words; public keys have it in them already.");
  if (fingerprint !== undefined && !/^[0-9a-f]{8}$/.test(fingerprint)) {
    throw misuse(`A fingerprint is eight hexadecimal digits, not "${options.fingerprint}".`);
  }
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const wallet = await desk.newName();
      const password = await newPassword(options, terminal, `A password for the wallet ${wallet}`);
      const made = await desk.walletd.watch({
        wallet,
        password,
        keys,
        hasBonds: false,
        ...gap,
        ...(options.legacy ? { type: "bip49" as const } : {}),
        ...(fingerprint === undefined ? {} : { fingerprint }),
      });
      desk.keep(wallet, made.session);
      return { wallet, fingerprint: made.fingerprint };
    },
    (answer) =>
      [
        `The wallet ${answer.wallet} watches ${keys.length === 1 ? "one account" : `${keys.length} accounts`}, and its coins are being looked up: \`${typed(`wallet status ${answer.wallet}`)}\`.`,
        `It cannot sign. What it pays begins with \`${typed("wallet psbt create")}\`.`,
        ...(answer.fingerprint === "00000000"
          ? [
              "Hardware signers want to know the root key's fingerprint: --fingerprint, or a descriptor that has it.",
            ]
          : []),
      ].flatMap((line) => wrap(line, lineWidth(terminal))),
  );
}

export function publicKeys(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => ({
        wallet: owned.wallet,
        ...(await walletd.publicKeys(owned)),
      })),
    // Nothing else: the output is what `--xpub-file` takes.
    ({ accounts }) => accounts.map(({ descriptor }) => descriptor),
  );
}
