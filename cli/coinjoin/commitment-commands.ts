/** What `supervisor coinjoin commitments …` does: lends a wallet coins of elsewhere that stand for its coinjoins, and takes them away. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import { misuse } from "../errors.ts";
import { readNamed } from "../named-file.ts";
import { paintOf, type Terminal } from "../terminal-io.ts";
import type { Paint } from "../view/terminal.ts";
import { coinCount, parseOutpoint, sats } from "../wallet/amounts.ts";
import { askHidden } from "../wallet/input/secret-input.ts";
import { type TableColumn, tableLines } from "../wallet/table.ts";
import { atDesk, type WalletOptions } from "../wallet/wallet-desk.ts";

interface AddOptions extends WalletOptions {
  readonly keysFile?: string;
}

type Listed = RpcOutput<typeof walletdContract, "externalCoins">;

const FILE_BYTES_MAX = 500_000;
/** Walletd takes so many at once. */
const BATCH = 50;

export function listCommitments(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.externalCoins(owned)),
    (answer) => listLines(answer, paintOf(terminal)),
  );
}

export async function addCommitments(
  coin: string | undefined,
  options: AddOptions,
  terminal: Terminal,
): Promise<number> {
  const keyed = await keyedCoins(coin, options, terminal);
  return atDesk(
    options,
    terminal,
    async (desk) => {
      let added = 0;
      for (let at = 0; at < keyed.length; at += BATCH) {
        const coins = keyed.slice(at, at + BATCH);
        added += (await desk.asOwner((owned, walletd) => walletd.addExternalCoins({ ...owned, coins })))
          .added;
      }
      return { added };
    },
    ({ added }) => [
      `${coinCount(added)} may stand for this wallet's coinjoins when none of its own can. Makers who are asked then see which.`,
      "The keys made proofs and are forgotten: nothing can be spent with what was kept.",
    ],
  );
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
async function keyedCoins(coin: string | undefined, { keysFile }: AddOptions, terminal: Terminal) {
  if ((coin === undefined) === (keysFile === undefined)) {
    throw misuse("Name one coin, <txid>:<number>, or give --keys-file with coins and their keys.");
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

function shown(text: string): string[] {
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, { privkey?: unknown } | null>);
    return entries.map(([coin, entry]) => `${coin},${entry?.privkey ?? ""}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Without the parser's words: they quote the text.
    throw misuse("The file begins as JSON and is none.");
  }
}
