/** Any wallet file of the programs that we take wallets over from: told apart by its first bytes, and opened. */
import { refusals } from "../store/refusals.ts";
import { wipeSecrets } from "../store/wallet-secrets.ts";
import { WalletStateSchema } from "../store/wallet-state.ts";
import { readClientserver } from "./clientserver.ts";
import { ENCRYPTED_MAGIC, PLAIN_MAGIC } from "./clientserver-crypto.ts";
import type { ForeignFile, ForeignForm, ImportedWallet } from "./imported-wallet.ts";
import { NG_MAGIC, readJoinmarketNg, readLegacyNg, readWords } from "./joinmarket-ng/wallet-file.ts";

const SALT_BYTES = 16;
const TOKEN_BYTES_MIN = 100;
/** How every Fernet token begins, until the year 2106. */
const TOKEN_START = "gAAAA";
/** 24 words, and room for careless spaces. */
const WORDS_BYTES_MAX = 1_000;
/** All addresses up to it are watched; nobody has handed out so many. */
const NEXT_INDEX_MAX = 100_000;
/** Of all branches together: a file may name four hundred. */
const NEXT_INDEXES_MAX = 300_000;

export function formOf(bytes: Buffer): ForeignForm | undefined {
  if (startsWith(bytes, PLAIN_MAGIC)) return "clientserver-plain";
  if (startsWith(bytes, ENCRYPTED_MAGIC)) return "clientserver";
  if (startsWith(bytes, NG_MAGIC)) return "joinmarket-ng";
  const token = bytes.toString("latin1", SALT_BYTES, SALT_BYTES + TOKEN_START.length);
  if (bytes.length >= SALT_BYTES + TOKEN_BYTES_MIN && token === TOKEN_START) return "joinmarket-ng-legacy";
  const text = bytes.length <= WORDS_BYTES_MAX ? bytes.toString("latin1") : "";
  return /^\s*[a-z]+(?:\s+[a-z]+){11,23}\s*$/i.test(text) ? "words" : undefined;
}

/** The password of a form that has none is not looked at. */
export async function openForeign(file: ForeignFile): Promise<ImportedWallet> {
  const imported = await readForeign(file);
  const { data: state } = WalletStateSchema.safeParse(imported.state);
  const nexts = Object.values(imported.state.nextIndexes);
  const isBearable =
    nexts.every((next) => next <= NEXT_INDEX_MAX) &&
    nexts.reduce((sum, next) => sum + next, 0) <= NEXT_INDEXES_MAX;
  if (state !== undefined && isBearable) return { ...imported, state };
  wipeSecrets(imported.secrets);
  throw refusals.corrupt(file.wallet, "numbers that no wallet has");
}

function readForeign(file: ForeignFile): Promise<ImportedWallet> {
  switch (formOf(file.bytes)) {
    case "clientserver-plain":
    case "clientserver":
      return readClientserver(file);
    case "joinmarket-ng":
      return readJoinmarketNg(file);
    case "joinmarket-ng-legacy":
      return readLegacyNg(file);
    case "words":
      return Promise.resolve().then(() => readWords(file.bytes.toString("latin1"), file));
    case undefined:
      return Promise.reject(refusals.unknown(file.wallet));
  }
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return magic.equals(bytes.subarray(0, magic.length));
}
