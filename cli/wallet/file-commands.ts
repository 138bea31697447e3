/** What `supervisor wallet …` does with wallet files: make, open, close, show the words. */

import { randomInt } from "node:crypto";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import { EXIT, misuse } from "../errors.ts";
import { lineWidth, pageOf, paintOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { wrap } from "../view/terminal.ts";
import { wholeNumber } from "../whole-number.ts";
import {
  askText,
  newPassword,
  type PassphraseOptions,
  passphraseOf,
  withPassword,
} from "./input/secret-input.ts";
import { recoveryWords } from "./input/words-input.ts";
import { atDesk, WalletDesk, type WalletOptions } from "./wallet-desk.ts";
import { listLines, unlockLines, wordLines } from "./wallet-view.ts";

interface NewOptions extends WalletOptions, PassphraseOptions {
  readonly legacy?: boolean;
  readonly bonds: boolean;
}

export function list(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    async ({ walletd }) => {
      const { wallets } = await walletd.list({});
      return { wallets: wallets.map((each) => ({ ...each, wallet: stemOf(each.wallet) })) };
    },
    ({ wallets }) => listLines(wallets, paintOf(terminal)),
  );
}

export async function create(
  options: NewOptions & { readonly words: string; readonly quiz: boolean },
  terminal: Terminal,
): Promise<number> {
  const wordCount = options.words === "12" ? 12 : options.words === "24" ? 24 : undefined;
  if (wordCount === undefined) throw misuse(`--words is 12 or 24, not "${options.words}".`);
  const desk = await WalletDesk.open(options, terminal);
  try {
    const wallet = await desk.newName();
    const made = await desk.walletd.create({
      ...(await newWallet(wallet, options, terminal)),
      wordCount,
    });
    desk.keep(wallet, made.session);
    if (options.json) sayJson(terminal, { wallet, words: made.words, fingerprint: made.fingerprint });
    else
      for (const line of wordLines(wallet, made.words, paintOf(terminal), lineWidth(terminal)))
        say(terminal, line);
    if (options.quiz && !options.json && terminal.stdin.isTTY && terminal.stdout.isTTY) {
      await quiz(made.words, terminal);
    }
    return EXIT.ok;
  } finally {
    await desk.close();
  }
}

export function recover(
  options: NewOptions & { readonly wordsFile?: string; readonly gap?: string; readonly height?: string },
  terminal: Terminal,
): Promise<number> {
  const gap = options.gap === undefined ? {} : { gap: wholeNumber("--gap", options.gap, 1, 10_000) };
  const creationHeight =
    options.height === undefined
      ? {}
      : { creationHeight: wholeNumber("--height", options.height, 0, 100_000_000) };
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const wallet = await desk.newName();
      const words = await recoveryWords(options.wordsFile, terminal);
      const made = await desk.walletd.recover({
        ...(await newWallet(wallet, options, terminal)),
        words,
        ...gap,
        ...creationHeight,
      });
      desk.keep(wallet, made.session);
      return { wallet, fingerprint: made.fingerprint };
    },
    ({ wallet, fingerprint }) =>
      wrap(
        `The wallet ${wallet} (${fingerprint}) is there, and its coins are being looked up: \`${pageOf(terminal, options).typed(`wallet status ${wallet}`)}\`.`,
        lineWidth(terminal),
      ),
  );
}

export function unlock(options: WalletOptions & PassphraseOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const wallet = await desk.wallet();
      const passphrase = await passphraseOf(options, terminal);
      // The session is kept for the next commands; whoever reads the answer does not need it.
      const { wasUnlocked, form } = await desk.unlock(wallet, passphrase);
      return { wallet, wasUnlocked, form };
    },
    (answer) => unlockLines(answer).flatMap((line) => wrap(line, lineWidth(terminal))),
  );
}

export function lock(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const wallet = await desk.wallet();
      const { wasUnlocked } = await desk.walletd.lock({ wallet });
      desk.forget(wallet);
      return { wallet, wasUnlocked };
    },
    ({ wallet, wasUnlocked }) => [
      wasUnlocked ? `The wallet ${wallet} is locked.` : `The wallet ${wallet} was locked already.`,
    ],
  );
}

export function changePassword(
  options: WalletOptions & { readonly newPasswordFile?: string },
  terminal: Terminal,
): Promise<number> {
  const { newPasswordFile } = options;
  const next = newPasswordFile === undefined ? {} : { passwordFile: newPasswordFile };
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        // Asked for once, however often the old one is mistyped.
        let wanted = "";
        await withPassword(
          options,
          terminal,
          "The password until now",
          (password) => walletd.changePassword({ ...owned, password, newPassword: wanted }),
          async () => {
            if (wanted === "") wanted = await newPassword(next, terminal, "The new password");
          },
        );
        return { wallet: owned.wallet };
      }),
    ({ wallet }) => [`The wallet ${wallet} has its new password.`],
  );
}

export function seed(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner((owned, walletd) =>
        withPassword(options, terminal, `Password of the wallet ${owned.wallet}`, async (password) => ({
          wallet: owned.wallet,
          ...(await walletd.revealSeed({ ...owned, password })),
        })),
      ),
    ({ wallet, words, passphrase }) => [
      ...wordLines(wallet, words, paintOf(terminal), lineWidth(terminal)),
      ...(passphrase === "" ? [] : [`Passphrase, without which they are worth nothing: ${passphrase}`]),
    ],
  );
}

async function newWallet(wallet: string, options: NewOptions, terminal: Terminal) {
  const password = await newPassword(options, terminal, `A password for the wallet ${wallet}`);
  const passphrase = await passphraseOf(options, terminal);
  const type = options.legacy ? ("bip49" as const) : ("bip84" as const);
  return { wallet, password, passphrase, type, hasBonds: options.bonds && type === "bip84" };
}

/** Words that were not written down are the usual way to lose coins: one of them is asked for. */
async function quiz(words: string, terminal: Terminal): Promise<void> {
  const all = words.split(" ");
  const place = randomInt(all.length);
  for (;;) {
    const answer = await askText(
      terminal,
      `To be sure that they are written down: which is word ${place + 1}?`,
      "",
    );
    if (answer.trim().toLowerCase() === all[place]) break;
    say(terminal, "No; look once more.");
  }
  say(terminal, "Right. Keep them where nobody finds them and nothing burns.");
}
