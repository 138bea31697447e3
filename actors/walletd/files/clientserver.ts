/** joinmarket-clientserver's wallet files: read into our terms, and written so that it opens them again. */
import { refusals } from "../store/refusals.ts";
import { branchKey, labelKey } from "../store/wallet-change.ts";
import type { ImportedKey, WalletSecrets } from "../store/wallet-secrets.ts";
import { newWalletState, type WalletState } from "../store/wallet-state.ts";
import { type Bencoded, decodeBencode, encodeBencode, latin1 } from "./bencode.ts";
import { openContainer, sealContainer } from "./clientserver-crypto.ts";
import type { ForeignFile, ImportedWallet, Sealing } from "./imported-wallet.ts";

type Dictionary = ReadonlyMap<string, Bencoded>;

/** Its numbers for kinds of wallets. */
const BIP49 = 1;
const BIP84 = 2;
const BIP84_WITH_BONDS = 5;
const OTHER_KINDS: Readonly<Record<number, string>> = {
  0: "it is a wallet of the oldest kind (P2PKH, before segregated witness); send its coins here instead",
  6: "it only watches bonds and has no keys; open the wallet that has them",
};
/** What it calls the networks; the private ones are all one to it. */
const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  mainnet: ["mainnet"],
  testnet: ["testnet", "testnet4", "regtest"],
  signet: ["signet"],
};

const UNDERSTOOD = new Set([
  "network",
  "created",
  "wallet_type",
  "entropy",
  "seed_extension",
  "index_cache",
  "meta",
  "addr_labels",
  "imported_keys",
  // Both are made again from the chain and the seed; the second holds private keys.
  "utxo",
  "cache",
]);

const TXID_BYTES = 32;
const LABEL_LENGTH_MAX = 1_000;
const IMPORTED_BYTES = 32;

export async function readClientserver(file: ForeignFile): Promise<ImportedWallet> {
  const content = await openContainer(file.bytes, file, file.wallet);
  try {
    return readData(decodeBencode(content) as Dictionary, file);
  } catch (error) {
    if ((error as { code?: unknown }).code !== undefined) throw error;
    throw refusals.corrupt(file.wallet, "the content of joinmarket-clientserver's form");
  } finally {
    content.fill(0);
  }
}

/** Opened by joinmarket-clientserver with the same password. `random` is for tests that compare bytes. */
export async function writeClientserver(
  { state, secrets }: ImportedWallet,
  sealing: Sealing,
  random?: { readonly salt: Buffer; readonly iv: Buffer },
): Promise<Buffer> {
  const content = encodeBencode(dataOf(state, secrets));
  try {
    return await sealContainer(content, sealing, random);
  } finally {
    content.fill(0);
  }
}

function readData(data: Dictionary, { network, wallet, passphrase }: ForeignFile): ImportedWallet {
  if (passphrase !== "") throw refusals.passphraseInFile(wallet);
  const its = text(data.get("network"));
  if (NETWORKS[its]?.includes(network) !== true) throw refusals.otherNetwork(wallet, its.slice(0, 20));
  const kind = data.get("wallet_type");
  const isKnown = kind === BIP49 || kind === BIP84 || kind === BIP84_WITH_BONDS;
  if (!isKnown) throw refusals.unsupported(wallet, OTHER_KINDS[Number(kind)] ?? "it is of an unknown kind");
  const nextIndexes = readIndexes(dictionary(data.get("index_cache")));
  const createdAtMs = readDate(data.get("created"));
  const state = newWalletState({
    network,
    scriptType: kind === BIP49 ? "bip49" : "bip84",
    hasBonds: kind === BIP84_WITH_BONDS,
    mixdepths: Math.max(5, ...[...dictionary(data.get("index_cache")).keys()].map((key) => whole(key) + 1)),
    nextIndexes,
    frozen: readFrozen(dictionary(data.get("meta"))),
    labels: readLabels(dictionary(data.get("addr_labels"))),
    origin: {
      program: "joinmarket-clientserver",
      kept: Object.fromEntries(
        [...data]
          .filter(([key]) => !UNDERSTOOD.has(key))
          .map(([key, value]) => [key, encodeBencode(value).toString("base64")]),
      ),
    },
    ...(createdAtMs === undefined ? {} : { createdAtMs }),
  });
  return { state, secrets: readSecrets(data) };
}

/** Copies: the file's bytes are wiped. */
function readSecrets(data: Dictionary): WalletSecrets {
  const entropy = Buffer.from(bytes(data.get("entropy")));
  if (![16, 20, 24, 28, 32].includes(entropy.length)) throw new Error("no entropy of a mnemonic");
  return {
    entropy,
    passphrase: Buffer.from(bytes(data.get("seed_extension") ?? Buffer.alloc(0))),
    importedKeys: [...dictionary(data.get("imported_keys"))].flatMap(([mixdepth, keys]) =>
      list(keys).flatMap((entry, index) => {
        const [key, scriptKind] = list(entry);
        const privateKey = bytes(key);
        // A key that was removed keeps its place.
        if (privateKey.length === 0) return [];
        if (privateKey.length !== IMPORTED_BYTES && privateKey.length !== IMPORTED_BYTES + 1) {
          throw new Error("no private key");
        }
        return {
          mixdepth: whole(mixdepth),
          index,
          scriptKind: Number(scriptKind),
          isCompressed: privateKey.length > IMPORTED_BYTES,
          privateKey: Buffer.from(privateKey.subarray(0, IMPORTED_BYTES)),
        };
      }),
    ),
  };
}

function readIndexes(cache: Dictionary): WalletState["nextIndexes"] {
  const indexes: Record<string, number> = {};
  for (const [mixdepth, chains] of cache) {
    for (const [chain, next] of dictionary(chains))
      indexes[branchKey(whole(mixdepth), whole(chain))] = Number(next);
  }
  return indexes;
}

/** Also what was let go again is kept: it says that the owner has decided. */
function readFrozen(meta: Dictionary): WalletState["frozen"] {
  const frozen: WalletState["frozen"] = {};
  for (const [key, facts] of meta) {
    const disabled = dictionary(facts).get("disabled");
    if (disabled === undefined) continue;
    const outpoint = `${latin1(key.slice(0, TXID_BYTES)).toString("hex")}:${whole(key.slice(TXID_BYTES))}`;
    frozen[outpoint] = { isFrozen: disabled === 1, why: "import" };
  }
  return frozen;
}

function readLabels(labels: Dictionary): WalletState["labels"] {
  return Object.fromEntries(
    [...labels].map(([address, label]) => [
      labelKey("addr", address),
      bytes(label).toString("utf8").slice(0, LABEL_LENGTH_MAX),
    ]),
  );
}

/** "2024/01/01 00:00:00", in UTC. */
function readDate(value: Bencoded | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = Date.parse(`${text(value).replaceAll("/", "-").replace(" ", "T")}Z`);
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}

function dataOf(state: WalletState, { entropy, passphrase, importedKeys }: WalletSecrets): Dictionary {
  const own = new Map<string, Bencoded>([
    ["addr_labels", labelsOf(state)],
    ["created", latin1(dateText(state.createdAtMs ?? 0))],
    ["entropy", Buffer.from(entropy)],
    ["imported_keys", importedOf(importedKeys)],
    ["index_cache", indexesOf(state)],
    ["network", latin1(networkOf(state.network))],
    ["utxo", new Map()],
    ["wallet_type", state.scriptType === "bip49" ? BIP49 : state.hasBonds ? BIP84_WITH_BONDS : BIP84],
  ]);
  const meta = frozenOf(state);
  if (meta.size > 0) own.set("meta", meta);
  if (passphrase.length > 0) own.set("seed_extension", Buffer.from(passphrase));
  if (state.origin?.program === "joinmarket-clientserver") {
    for (const [key, value] of Object.entries(state.origin.kept)) {
      if (!own.has(key)) own.set(key, decodeBencode(Buffer.from(value, "base64")));
    }
  }
  return own;
}

function networkOf(network: string): string {
  for (const [its, ours] of Object.entries(NETWORKS)) if (ours.includes(network)) return its;
  throw refusals.notWritten(`joinmarket-clientserver does not know the network ${network}`);
}

function indexesOf({ mixdepths, nextIndexes }: WalletState): Dictionary {
  const cache = new Map<string, Map<string, Bencoded>>();
  for (let mixdepth = 0; mixdepth < mixdepths; mixdepth++) cache.set(String(mixdepth), new Map());
  for (const [branch, next] of Object.entries(nextIndexes)) {
    const [mixdepth = "", chain = ""] = branch.split("/");
    const chains = cache.get(mixdepth) ?? new Map<string, Bencoded>();
    chains.set(chain, next);
    cache.set(mixdepth, chains);
  }
  return cache;
}

function frozenOf({ frozen }: WalletState): Dictionary {
  return new Map(
    Object.entries(frozen).map(([outpoint, { isFrozen }]) => {
      const [txid = "", vout = ""] = outpoint.split(":");
      const key = Buffer.from(txid, "hex").toString("latin1") + vout;
      return [key, new Map<string, Bencoded>([["disabled", isFrozen ? 1 : 0]])];
    }),
  );
}

function labelsOf({ labels }: WalletState): Dictionary {
  const ofAddress = labelKey("addr", "");
  return new Map(
    Object.entries(labels)
      .filter(([key]) => key.startsWith(ofAddress))
      .map(([key, label]) => [key.slice(ofAddress.length), Buffer.from(label, "utf8")]),
  );
}

/** Places that removed keys have left are filled as it fills them itself. */
function importedOf(keys: readonly ImportedKey[]): Dictionary {
  const byMixdepth = new Map<string, Bencoded[]>();
  for (const { mixdepth, index, scriptKind, isCompressed, privateKey } of keys) {
    const places = byMixdepth.get(String(mixdepth)) ?? [];
    while (places.length <= index) places.push([Buffer.alloc(0), -1]);
    const bytes = Buffer.concat([privateKey, Buffer.alloc(isCompressed ? 1 : 0, 1)]);
    places[index] = [bytes, scriptKind];
    byMixdepth.set(String(mixdepth), places);
  }
  return byMixdepth;
}

function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replaceAll("-", "/").replace("T", " ");
}

function dictionary(value: Bencoded | undefined): Dictionary {
  if (value === undefined) return new Map();
  if (value instanceof Map) return value;
  throw new Error("no dictionary");
}

function list(value: Bencoded | undefined): readonly Bencoded[] {
  if (Array.isArray(value)) return value;
  throw new Error("no list");
}

function bytes(value: Bencoded | undefined): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw new Error("no bytes");
}

function text(value: Bencoded | undefined): string {
  return bytes(value).toString("latin1");
}

/** A key of a dictionary that is a small number in decimal. */
function whole(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error("no number");
  return Number(text);
}
