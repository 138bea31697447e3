/** What `supervisor coinjoin commitments …` does: lends a wallet coins of elsewhere that stand for its coinjoins, and takes them away. */

import { basename } from "node:path";
import type { RpcOutput } from "../../bus/contract/contract.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import { misuse } from "../errors.ts";
import { readNamed } from "../named-file.ts";
import { paintOf, type Terminal } from "../terminal-io.ts";
import type { Paint } from "../view/terminal.ts";
import { coinCount, parseOutpoint, sats } from "../wallet/amounts.ts";
import {
  askHidden,
  needTerminal,
  type PassphraseOptions,
  type PasswordOptions,
  passphraseOf,
  withPassword,
} from "../wallet/input/secret-input.ts";
import { isPlain } from "../wallet/move-commands.ts";
import { type TableColumn, tableLines } from "../wallet/table.ts";
import { atDesk, type Owned, type Walletd, type WalletOptions } from "../wallet/wallet-desk.ts";

interface AddOptions extends WalletOptions, PassphraseOptions {
  readonly keysFile?: string;
  readonly fromWallet?: string;
  readonly fromFile?: string;
  readonly fromPasswordFile?: string;
  readonly check?: boolean;
}

type Listed = RpcOutput<typeof walletdContract, "externalCoins">;
type Lent = RpcOutput<typeof walletdContract, "lendCoins">;
type Outpoint = ReturnType<typeof parseOutpoint>;

const FILE_BYTES_MAX = 500_000;
/** Walletd takes so many at once. */
const BATCH = 50;
const FILE_NAME_MAX = 100;
/** For files that have none: walletd does not look at it. */
const NO_PASSWORD = "none";
const PASSED_WORDS = Object.freeze({
  frozen: "frozen",
  setAside: "set aside for a transaction",
  bonds: "in bonds",
  usedUp: "shown as often as makers take it",
});

export function listCommitments(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.externalCoins(owned)),
    (answer) => listLines(answer, paintOf(terminal)),
  );
}

/** Of which coins, and who makes their proofs: walletd by keys that are given, or by those that it has or is handed. */
export function addCommitments(
  names: readonly string[],
  options: AddOptions,
  terminal: Terminal,
): Promise<number> {
  const { keysFile, fromWallet, fromFile } = options;
  const sources = [keysFile, fromWallet, fromFile].filter((each) => each !== undefined);
  if (sources.length > 1) {
    throw misuse("Give one of --keys-file, --from-wallet and --from-file: each is a command of its own.");
  }
  const named = names.map(parseOutpoint);
  if (fromWallet !== undefined) return lendOfWallet(stemOf(fromWallet), named, options, terminal);
  if (fromFile !== undefined) return lendOfFile(fromFile, named, options, terminal);
  return addKeyed(names, options, terminal);
}

async function addKeyed(names: readonly string[], options: AddOptions, terminal: Terminal): Promise<number> {
  const isTrial = options.check === true;
  const keyed = await keyedCoins(names, options, terminal);
  return atDesk(
    options,
    terminal,
    async (desk) => {
      let added = 0;
      for (let at = 0; at < keyed.length; at += BATCH) {
        const coins = keyed.slice(at, at + BATCH);
        const wish = { coins, isTrial };
        added += (await desk.asOwner((owned, walletd) => walletd.addExternalCoins({ ...owned, ...wish })))
          .added;
      }
      return { added };
    },
    ({ added }) => [
      ...addedLines(added, isTrial),
      ...(isTrial
        ? []
        : ["The keys made proofs and are forgotten: nothing can be spent with what was kept."]),
    ],
  );
}

/** One that is locked is opened by its password, and stays open as by any other command about it. */
function lendOfWallet(
  lender: string,
  named: readonly Outpoint[],
  options: AddOptions,
  terminal: Terminal,
): Promise<number> {
  const isTrial = options.check === true;
  return atDesk(
    options,
    terminal,
    async (desk) => {
      if (stemOf(lender) === (await desk.wallet())) {
        throw misuse("A wallet's own coins stand for its coinjoins anyway: name another, or --wallet.");
      }
      const password = passwordOf(options);
      // Opened, and its coins known, before it is to lend any.
      const from = await desk.asOwnerOf(lender, password, opened);
      return desk.asOwner((owned, walletd) => walletd.lendCoins({ ...owned, from, isTrial, ...only(named) }));
    },
    (lent) => lentLines(lent, isTrial),
  );
}

function lendOfFile(
  file: string,
  named: readonly Outpoint[],
  options: AddOptions,
  terminal: Terminal,
): Promise<number> {
  const isTrial = options.check === true;
  const bytes = readNamed(file, FILE_BYTES_MAX);
  if (!isPlain(bytes) && options.fromPasswordFile === undefined) {
    needTerminal(terminal, "Use --from-password-file <file> for the password of the file.");
  }
  const password = passwordOf(options);
  return atDesk(
    options,
    terminal,
    async (desk) => {
      const given = {
        name: basename(file).slice(0, FILE_NAME_MAX),
        file: bytes.toString("base64"),
        passphrase: await passphraseOf(options, terminal),
      };
      // First of all, so that nothing else is asked while the file's password is being tried.
      const owned = await desk.asOwner(opened);
      const lent = (secret: string) =>
        desk.walletd.lendCoins({ ...owned, from: { ...given, password: secret }, isTrial, ...only(named) });
      return isPlain(bytes)
        ? lent(NO_PASSWORD)
        : withPassword(password, terminal, `Password of ${file}`, lent);
    },
    (answer) => [
      ...lentLines(answer, isTrial),
      "The file was looked at and nothing of it was kept but the proofs.",
    ],
  );
}

/** Of the lender: its own option names the file. */
function passwordOf({ fromPasswordFile }: AddOptions): PasswordOptions {
  const option = { passwordOption: "--from-password-file" };
  return fromPasswordFile === undefined ? option : { ...option, passwordFile: fromPasswordFile };
}

/** The door to a wallet of which the coins are known. */
async function opened(owned: Owned, walletd: Walletd): Promise<Owned> {
  await walletd.balances(owned);
  return owned;
}

function only(outpoints: readonly Outpoint[]) {
  return outpoints.length === 0 ? {} : { outpoints: [...outpoints] };
}

function addedLines(added: number, isTrial: boolean): string[] {
  const whose = "stand for this wallet's coinjoins when none of its own can";
  return isTrial
    ? [`${coinCount(added)} would ${whose}. Nothing was added.`]
    : [`${coinCount(added)} may ${whose}. Makers who are asked then see which.`];
}

/** What was passed over is told by its reason: whoever wonders where a coin is finds it here. */
export function lentLines({ added, ...passed }: Lent, isTrial: boolean): string[] {
  const over = (Object.keys(PASSED_WORDS) as (keyof typeof PASSED_WORDS)[])
    .filter((why) => passed[why] > 0)
    .map((why) => `${passed[why]} ${PASSED_WORDS[why]}`);
  return [...addedLines(added, isTrial), ...(over.length === 0 ? [] : [`Passed over: ${over.join(", ")}.`])];
}

export function importCommitments(file: string, options: WalletOptions, terminal: Terminal): Promise<number> {
  const text = readNamed(file, FILE_BYTES_MAX).toString("utf8");
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.importCommitments({ ...owned, file: text })),
    ({ added, used, ignored }) => [
      `${coinCount(added)} may stand for this wallet's coinjoins; ${used} commitments are known as used; ${ignored} entries are of no use to it.`,
    ],
  );
}

export function forgetCommitments(
  names: readonly string[],
  options: WalletOptions & { readonly all?: boolean },
  terminal: Terminal,
): Promise<number> {
  if ((names.length === 0) === (options.all !== true)) {
    throw misuse("Name the coins that are to be forgotten, or give --all.");
  }
  const outpoints = names.map(parseOutpoint);
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner((owned, walletd) =>
        walletd.forgetExternalCoins({ ...owned, ...(options.all === true ? {} : { outpoints }) }),
      ),
    ({ forgotten }) => [`${coinCount(forgotten)} forgotten. What was used of them stays known as used.`],
  );
}

const COLUMNS: readonly TableColumn<Listed["coins"][number]>[] = [
  { title: "COIN", value: ({ txid, index }) => `${txid}:${index}` },
  {
    title: "AMOUNT",
    align: "right",
    value: ({ amountSat }) => (amountSat === null ? "gone" : sats(amountSat)),
  },
  { title: "CONFIRMATIONS", align: "right", value: ({ confirmations }) => String(confirmations ?? "") },
  { title: "TRIES LEFT", align: "right", value: ({ tries, triesLeft }) => `${triesLeft} of ${tries}` },
];

export function listLines({ coins, used }: Listed, paint: Paint): string[] {
  const known = `${used} commitments were used so far.`;
  if (coins.length === 0) return [`No coins of elsewhere stand for this wallet's coinjoins. ${known}`];
  return [...tableLines(COLUMNS, coins, paint), known];
}

/** One whose key is asked for, or those of a file: a key is never taken from the command line. */
async function keyedCoins([coin, ...more]: readonly string[], { keysFile }: AddOptions, terminal: Terminal) {
  if ((coin === undefined) === (keysFile === undefined) || more.length > 0) {
    throw misuse(
      "Name one coin, <txid>:<number>, or give --keys-file with coins and their keys, or --from-wallet or --from-file.",
    );
  }
  if (coin !== undefined) {
    const outpoint = parseOutpoint(coin);
    return [{ ...outpoint, key: await askHidden(terminal, `The private key of ${coin}, in WIF`) }];
  }
  const keyed = keyedCoinsOf(readNamed(keysFile as string, FILE_BYTES_MAX).toString("utf8"));
  if (keyed.length === 0) throw misuse("The file names no coins.");
  return keyed;
}

/** `<txid>:<number>,<key>` on each line, or what joinmarket-clientserver's `showutxos` prints. */
export function keyedCoinsOf(text: string): { txid: string; index: number; key: string }[] {
  const lines = text.trimStart().startsWith("{") ? shown(text) : text.split(/\r?\n/);
  return lines
    .filter((line) => line.trim() !== "")
    .map((line, at) => {
      const [coin = "", key = "", ...more] = line.split(",").map((each) => each.trim());
      // Said without the line: it may hold a key.
      if (key === "" || more.length > 0)
        throw misuse(`Entry ${at + 1} is not <txid>:<number>,<private key>.`);
      return { ...parseOutpoint(coin), key };
    });
}

interface Shown {
  readonly privkey?: unknown;
  readonly external?: unknown;
}

function shown(text: string): string[] {
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, Shown | null>);
    // It lists its own coins of elsewhere too, of which it has no key; `import` takes those over.
    return entries
      .filter(([, entry]) => entry?.external !== true)
      .map(([coin, entry]) => `${coin},${entry?.privkey ?? ""}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Without the parser's words: they quote the text.
    throw misuse("The file begins as JSON and is none.");
  }
}
