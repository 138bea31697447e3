/** `supervisor wallet import` and `export`: wallets on their way from and to other programs' files. */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { misuse } from "../errors.ts";
import { readNamed, writeNamed } from "../named-file.ts";
import { lineWidth, type Terminal } from "../terminal-io.ts";
import { wrap } from "../view/terminal.ts";
import { newPassword, type PassphraseOptions, passphraseOf, withPassword } from "./input/secret-input.ts";
import { atDesk, type WalletDesk, type WalletOptions } from "./wallet-desk.ts";
import { originLines } from "./wallet-view.ts";

export interface ImportOptions extends WalletOptions, PassphraseOptions {
  readonly labels?: string;
  readonly history?: string;
}

const FILE_BYTES_MAX = 400_000;
/** What joinmarket-ng calls the files that it keeps beside a wallet, or one folder above. */
const NG_HISTORY = "history.csv";
const ngLabels = (id: string) => `wallet_metadata_${id}.jsonl`;

export function importFile(file: string, options: ImportOptions, terminal: Terminal): Promise<number> {
  const bytes = readNamed(file, FILE_BYTES_MAX);
  const isNg = !/^JM(?:WALLET|ENCWLT)/.test(bytes.toString("latin1", 0, 8));
  const history = options.history ?? (isNg ? beside(file, NG_HISTORY) : undefined);
  const labels = options.labels;
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const wallet = await desk.newName(options.wallet ?? basename(file).replace(/\.mnemonic$/, ""));
      const passphrase = await passphraseOf(options, terminal);
      const given = {
        wallet,
        passphrase,
        file: bytes.toString("base64"),
        ...(labels === undefined ? {} : { labels: readNamed(labels, FILE_BYTES_MAX).toString("utf8") }),
        ...(history === undefined ? {} : { history: readNamed(history, FILE_BYTES_MAX).toString("utf8") }),
      };
      const taken = (password: string) => desk.walletd.importFile({ ...given, password });
      // A file that is open to everybody gets a password here.
      const made = isPlain(bytes)
        ? await taken(
            await newPassword(options, terminal, `A password for the wallet ${wallet}; ${file} has none`),
          )
        : await withPassword(options, terminal, `Password of ${file}`, taken);
      desk.keep(wallet, made.session);
      const found = isNg && labels === undefined ? beside(file, ngLabels(made.joinmarketNgId)) : undefined;
      const more =
        found === undefined ? { taken: 0, ignored: 0 } : await takeLabels(desk, wallet, made, found);
      return {
        wallet,
        file,
        form: made.form,
        fingerprint: made.fingerprint,
        sideFiles: [labels, found, history].filter((path) => path !== undefined),
        taken: made.taken + more.taken,
        ignored: made.ignored + more.ignored,
      };
    },
    (answer) => originLines(answer).flatMap((line) => wrap(line, lineWidth(terminal))),
  );
}

export function exportFile(
  file: string,
  options: WalletOptions & { readonly form: string },
  terminal: Terminal,
): Promise<number> {
  const { form } = options;
  if (form !== "clientserver" && form !== "joinmarket-ng") {
    throw misuse(`--form is clientserver or joinmarket-ng, not "${form}".`);
  }
  // Before the password is asked for.
  needFree(file);
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        const written = await withPassword(
          options,
          terminal,
          `Password of the wallet ${owned.wallet}`,
          (password) => walletd.exportFile({ ...owned, password, form }),
        );
        const { labels, joinmarketNgId } = written;
        const labelsFile =
          form === "joinmarket-ng" ? join(dirname(file), ngLabels(joinmarketNgId)) : `${file}.labels.jsonl`;
        if (labels !== null) needFree(labelsFile);
        writeNamed(file, Buffer.from(written.file, "base64"));
        if (labels !== null) writeNamed(labelsFile, Buffer.from(labels));
        return { wallet: owned.wallet, form, files: labels === null ? [file] : [file, labelsFile] };
      }),
    ({ files }) =>
      [
        `Written: ${files.join(", ")}. Whoever has ${files.length > 1 ? "the first" : "it"} and the password has the coins.`,
        ...(form === "joinmarket-ng" && files.length > 1
          ? [
              "The second holds labels and frozen coins; it belongs into joinmarket-ng's data folder, above `wallets`.",
            ]
          : []),
        "Do not use the wallet in two programs at a time: each would hand out the other's addresses again.",
      ].flatMap((line) => wrap(line, lineWidth(terminal))),
  );
}

async function takeLabels(
  { walletd }: WalletDesk,
  wallet: string,
  { session }: { readonly session: string },
  path: string,
): Promise<{ taken: number; ignored: number }> {
  return walletd.importLabels({ wallet, session, text: readNamed(path, FILE_BYTES_MAX).toString("utf8") });
}

/** No password is in the way of these: words, or joinmarket-clientserver's form without one. */
export function isPlain(bytes: Buffer): boolean {
  const text = bytes.toString("latin1");
  return text.startsWith("JMWALLET") || /^\s*[a-z]+(?:\s+[a-z]+){11,23}\s*$/i.test(text);
}

/** joinmarket-ng's files lie in its data folder, its wallets in a folder of that. */
function beside(file: string, name: string): string | undefined {
  const folder = dirname(file);
  return [join(folder, name), join(folder, "..", name)].find((path) => existsSync(path));
}

function needFree(path: string): void {
  if (existsSync(path)) throw misuse(`There is a file ${path} already, and it is not overwritten.`);
}
