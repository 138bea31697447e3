/** joinmarket-ng's wallet files, the present form and the one before it: read into our terms, and written so that it opens them. */
import { pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { z } from "zod";
import { newMnemonic, parseMnemonic } from "../../../../bitcoin/keys/mnemonic.ts";
import { isBearable, type KeyCost } from "../../store/password-key.ts";
import { refusals } from "../../store/refusals.ts";
import type { WalletSecrets } from "../../store/wallet-secrets.ts";
import { newWalletState } from "../../store/wallet-state.ts";
import type { ForeignFile, ImportedWallet, Sealing } from "../imported-wallet.ts";
import { openFernet, sealFernet } from "./fernet.ts";

export const NG_MAGIC = Buffer.from("JMNG");
const VERSION = 1;
const ARGON2ID = 1;
/** Magic 4, version 1, kind of key 1, memory 4, passes 4, lanes 1, salt 16. */
const HEAD_BYTES = 31;
const SALT_BYTES = 16;
/** What it writes itself. */
const COST: KeyCost = { memoryKib: 19_456, passes: 2, lanes: 1 };
const LEGACY_ROUNDS = 600_000;

const PayloadSchema = z.object({
  mnemonic: z.string().max(1_000),
  creation_height: z.int().min(0).optional().catch(undefined),
});

export async function readJoinmarketNg(file: ForeignFile): Promise<ImportedWallet> {
  const { bytes, wallet, password, keys } = file;
  if (bytes.length < HEAD_BYTES) throw refusals.truncated(wallet);
  if (bytes[4] !== VERSION || bytes[5] !== ARGON2ID) throw refusals.newer(wallet);
  const cost = {
    memoryKib: bytes.readUInt32BE(6),
    passes: bytes.readUInt32BE(10),
    lanes: bytes.readUInt8(14),
  };
  if (!isBearable(cost)) throw refusals.corrupt(wallet, "the cost of its key");
  const salt = bytes.subarray(15, HEAD_BYTES);
  return readToken(await keys.argon2("argon2id", password, salt, cost), bytes.subarray(HEAD_BYTES), file);
}

/** Salt and token without a head. Its command line wrote the words alone into such files, its daemon the same as today. */
export async function readLegacyNg(file: ForeignFile): Promise<ImportedWallet> {
  const password = Buffer.from(file.password, "utf8");
  const salt = file.bytes.subarray(0, SALT_BYTES);
  const key = await promisify(pbkdf2)(password, salt, LEGACY_ROUNDS, 32, "sha256");
  password.fill(0);
  return readToken(key, file.bytes.subarray(SALT_BYTES), file);
}

export function readWords(words: string, file: ForeignFile, creationHeight?: number): ImportedWallet {
  return walletOf(words, file, "words", creationHeight);
}

/**
 * Opened by joinmarket-ng with the same password. It has no place for a passphrase, and derives BIP-84 whatever the file
 * says: a wallet with either would open there as another wallet, empty.
 */
export async function writeJoinmarketNg(
  { state, secrets }: ImportedWallet,
  { password, keys }: Sealing,
  random: { readonly salt: Buffer; readonly iv: Buffer; readonly seconds: number } = {
    salt: randomBytes(SALT_BYTES),
    iv: randomBytes(16),
    seconds: 0,
  },
): Promise<Buffer> {
  const refuse = refusals.notWritten;
  if (secrets.passphrase.length > 0) {
    throw refuse(
      "joinmarket-ng's files have no place for a passphrase; recover it there from words and passphrase",
    );
  }
  if (state.scriptType !== "bip84") throw refuse("joinmarket-ng has no BIP49 wallets; send the coins there");
  if (secrets.importedKeys.length > 0) {
    throw refuse("joinmarket-ng has no imported keys; spend their coins, or choose clientserver");
  }
  const payload = [
    `"mnemonic": "${newMnemonic(secrets.entropy).words.join(" ")}"`,
    `"wallet_type": "${state.hasBonds ? "sw-fb" : "sw"}"`,
    ...(state.creationHeight === undefined ? [] : [`"creation_height": ${state.creationHeight}`]),
  ];
  const text = Buffer.from(`{${payload.join(", ")}}`);
  const key = await keys.argon2("argon2id", password, random.salt, COST);
  const head = Buffer.alloc(HEAD_BYTES);
  NG_MAGIC.copy(head);
  head.writeUInt8(VERSION, 4);
  head.writeUInt8(ARGON2ID, 5);
  head.writeUInt32BE(COST.memoryKib, 6);
  head.writeUInt32BE(COST.passes, 10);
  head.writeUInt8(COST.lanes, 14);
  random.salt.copy(head, 15);
  try {
    return Buffer.concat([head, sealFernet(key, text, random)]);
  } finally {
    key.fill(0);
    text.fill(0);
  }
}

function readToken(key: Buffer, token: Buffer, file: ForeignFile): ImportedWallet {
  const text = openFernet(key, token);
  key.fill(0);
  if (text === undefined) throw refusals.wrongPasswordOrDamaged(file.wallet);
  try {
    if (text[0] !== "{".charCodeAt(0)) return readWords(text.toString("utf8"), file);
    const { mnemonic, creation_height } = PayloadSchema.parse(JSON.parse(text.toString("utf8")));
    return walletOf(mnemonic, file, "joinmarket-ng", creation_height);
  } catch (error) {
    if ((error as { code?: unknown }).code !== undefined) throw error;
    // What the parsers say may quote the words.
    throw refusals.corrupt(file.wallet, "the content of joinmarket-ng's form");
  } finally {
    text.fill(0);
  }
}

/** It derives BIP-84 with a branch for bonds, whatever kind the file names. */
function walletOf(
  words: string,
  { network, wallet, passphrase }: ForeignFile,
  program: "joinmarket-ng" | "words",
  creationHeight: number | undefined,
): ImportedWallet {
  return {
    state: newWalletState({
      network,
      scriptType: "bip84",
      hasBonds: true,
      origin: { program, kept: {} },
      ...(creationHeight === undefined ? {} : { creationHeight }),
    }),
    secrets: secretsOf(words, passphrase, wallet),
  };
}

function secretsOf(words: string, passphrase: string, wallet: string): WalletSecrets {
  try {
    const { entropy } = parseMnemonic(words);
    return { entropy, passphrase: Buffer.from(passphrase, "utf8"), importedKeys: [] };
  } catch {
    throw refusals.unsupported(wallet, "its words are no valid BIP-39 recovery phrase");
  }
}
