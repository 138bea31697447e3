/** `supervisor wallet create --xpub` and `xpub`: wallets that only watch, and the public keys that they are made of. */
import { readFileSync } from "node:fs";
import { misuse } from "../../errors.ts";
import type { Terminal } from "../../terminal-io.ts";
import { newPassword } from "../secret-input.ts";
import { atDesk, stemOf, type WalletOptions } from "../wallet-desk.ts";

export interface WatchOptions extends WalletOptions {
  readonly passphrase?: boolean;
  readonly legacy?: boolean;
  readonly xpub?: string[];
  readonly xpubFile?: string;
  readonly fingerprint?: string;
}

/** From public keys: no words are made, and none can be shown. */
export function watch(name: string, options: WatchOptions, terminal: Terminal): Promise<number> {
  const wallet = stemOf(name);
  const fromFile =
    options.xpubFile === undefined
      ? []
      : readText(options.xpubFile)
          .split(/\r?\n/)
          .filter((line) => line.trim());
  const keys = [...(options.xpub ?? []), ...fromFile].map((line) => line.trim());
  const fingerprint = options.fingerprint?.toLowerCase();
  if (keys.length === 0) throw misuse(`There is no key in ${options.xpubFile}.`);
  if (options.passphrase) throw misuse("A passphrase belongs to words; public keys have it in them already.");
  if (fingerprint !== undefined && !/^[0-9a-f]{8}$/.test(fingerprint)) {
    throw misuse(`A fingerprint is eight hexadecimal digits, not "${options.fingerprint}".`);
  }
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const password = await newPassword(options, terminal, `A password for the wallet ${wallet}`);
      const made = await desk.walletd.watch({
        wallet,
        password,
        keys,
        hasBonds: false,
        ...(options.legacy ? { type: "bip49" as const } : {}),
        ...(fingerprint === undefined ? {} : { fingerprint }),
      });
      desk.keep(wallet, made.session);
      return { wallet, fingerprint: made.fingerprint };
    },
    (answer) => [
      `The wallet ${wallet} watches ${keys.length === 1 ? "one account" : `${keys.length} accounts`}, and its coins are being looked up: \`supervisor wallet status\`.`,
      "It cannot sign. What it pays begins with `supervisor wallet psbt create`.",
      ...(answer.fingerprint === "00000000"
        ? [
            "Hardware signers want to know the root key's fingerprint: --fingerprint, or a descriptor that has it.",
          ]
        : []),
    ],
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

function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw misuse(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
