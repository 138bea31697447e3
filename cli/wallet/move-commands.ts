/** `supervisor wallet import` and `export`: wallets on their way from and to other programs' files. */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createWhole } from "../../runtime/whole-file.ts";
import { misuse } from "../errors.ts";
import type { Terminal } from "../terminal-io.ts";
import { askHidden, knownPassword, newPassword } from "./secret-input.ts";
import { atDesk, stemOf, type WalletDesk, type WalletOptions } from "./wallet-desk.ts";
import { originLines } from "./wallet-view.ts";

export interface ImportOptions extends WalletOptions {
  readonly passphrase?: boolean;
  readonly labels?: string;
  readonly history?: string;
}

const FILE_BYTES_MAX = 400_000;
/** What joinmarket-ng calls the files that it keeps beside a wallet, or one folder above. */
const NG_HISTORY = "history.csv";
const ngLabels = (id: string) => `wallet_metadata_${id}.jsonl`;

export function importFile(file: string, options: ImportOptions, terminal: Terminal): Promise<number> {
  const bytes = readWhole(file);
  const wallet = stemOf(options.wallet ?? basename(file).replace(/\.mnemonic$/, ""));
  const isNg = !/^JM(?:WALLET|ENCWLT)/.test(bytes.toString("latin1", 0, 8));
  const history = options.history ?? (isNg ? beside(file, NG_HISTORY) : undefined);
  const labels = options.labels;
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const given = {
        wallet,
        // A file that is open to everybody gets a password here.
        password: isPlain(bytes)
          ? await newPassword(options, terminal, `A password for the wallet ${wallet}; ${file} has none`)
          : await knownPassword(options, terminal, `Password of ${file}`),
        passphrase: options.passphrase
          ? await askHidden(terminal, "The BIP39 passphrase of these words")
          : "",
      };
      const made = await desk.walletd.importFile({
        ...given,
        file: bytes.toString("base64"),
        ...(labels === undefined ? {} : { labels: readWhole(labels).toString("utf8") }),
        ...(history === undefined ? {} : { history: readWhole(history).toString("utf8") }),
      });
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
    originLines,
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
        const password = await knownPassword(options, terminal, `Password of the wallet ${owned.wallet}`);
        const written = await walletd.exportFile({ ...owned, password, form });
        const { labels, joinmarketNgId } = written;
        const labelsFile =
          form === "joinmarket-ng" ? join(dirname(file), ngLabels(joinmarketNgId)) : `${file}.labels.jsonl`;
        if (labels !== null) needFree(labelsFile);
        writeNew(file, Buffer.from(written.file, "base64"));
        if (labels !== null) writeNew(labelsFile, Buffer.from(labels));
        return { wallet: owned.wallet, form, files: labels === null ? [file] : [file, labelsFile] };
      }),
    ({ files }) => [
      `Written: ${files.join(", ")}. Whoever has the first and the password has the coins.`,
      ...(form === "joinmarket-ng" && files.length > 1
        ? [
            "The second holds labels and frozen coins; it belongs into joinmarket-ng's data folder, above `wallets`.",
          ]
        : []),
      "Do not use the wallet in two programs at a time: each would hand out the other's addresses again.",
    ],
  );
}

async function takeLabels(
  { walletd }: WalletDesk,
  wallet: string,
  { session }: { readonly session: string },
  path: string,
): Promise<{ taken: number; ignored: number }> {
  return walletd.importLabels({ wallet, session, text: readWhole(path).toString("utf8") });
}

/** No password is in the way of these: words, or joinmarket-clientserver's form without one. */
function isPlain(bytes: Buffer): boolean {
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

function writeNew(path: string, bytes: Buffer): void {
  try {
    createWhole(path, bytes);
  } catch (error) {
    throw misuse(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
  }
}

function readWhole(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw misuse(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  if (bytes.length > FILE_BYTES_MAX) throw misuse(`${path} is too large: ${FILE_BYTES_MAX} bytes at most.`);
  return bytes;
}
