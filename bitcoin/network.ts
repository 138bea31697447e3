/** Every network as data: a further Bitcoin-like chain is one more entry in the table below. */
import { type BlockHash, bytesToHex, hexToBytes } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { BitcoinError } from "./errors.ts";
import { sha256d } from "./hash.ts";

/** Everything in which one Bitcoin-like chain differs from another. */
export interface Network {
  readonly name: string;
  /** What `getblockchaininfo` of a node on this network answers as `chain`. */
  readonly chain: string;
  /** The four bytes before each message between nodes and each record of a block file, in hex. */
  readonly magic: string;
  readonly ports: NetworkPorts;
  readonly address: AddressPrefixes;
  readonly genesis: Genesis;
  readonly proofOfWork: ProofOfWork;
  readonly money: Money;
  /** "mweb": Litecoin's extension block, whose transactions end a block and carry a flag of their own. */
  readonly serialization: "bitcoin" | "mweb";
  /** Signet only: the script that signs its blocks, in hex. */
  readonly signetChallenge?: string;
}

export interface NetworkPorts {
  readonly p2p: number;
  readonly rpc: number;
  readonly electrumTcp: number;
  readonly electrumTls: number;
}

export interface AddressPrefixes {
  readonly p2pkh: number;
  /** The first is written, all are read. */
  readonly p2sh: readonly [number, ...number[]];
  readonly bech32: string;
  readonly wif: number;
  readonly bip32Public: number;
  readonly bip32Private: number;
}

/** The parts of the first block; `genesis.ts` puts them together. */
export interface Genesis {
  readonly hash: BlockHash;
  readonly message: string;
  readonly publicKey: string;
  readonly timeS: number;
  readonly bits: number;
  readonly nonce: number;
}

export interface ProofOfWork {
  readonly algorithm: "sha256d" | "scrypt";
  /** The easiest target a block may have. */
  readonly limit: bigint;
  readonly targetSpacingS: number;
}

export interface Money {
  readonly firstSubsidySat: bigint;
  readonly halvingIntervalBlocks: number;
  /** No amount, and no sum of amounts, may be larger. */
  readonly maxSat: bigint;
  readonly coinbaseMaturityBlocks: number;
}

const COIN_SAT = 100_000_000n;

const SATOSHI_MESSAGE = "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks";
const SATOSHI_KEY =
  "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f";

const BITCOIN_MONEY: Money = {
  firstSubsidySat: 50n * COIN_SAT,
  halvingIntervalBlocks: 210_000,
  maxSat: 21_000_000n * COIN_SAT,
  coinbaseMaturityBlocks: 100,
};

const TEST_ADDRESS = {
  p2pkh: 0x6f,
  p2sh: [0xc4],
  wif: 0xef,
  bip32Public: 0x043587cf,
  bip32Private: 0x04358394,
} as const;

const SHA256D = { algorithm: "sha256d", targetSpacingS: 600 } as const;
const EASY_LIMIT = (1n << 224n) - 1n;

const DEFAULT_SIGNET_CHALLENGE =
  "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae";

export const mainnet: Network = {
  name: "mainnet",
  chain: "main",
  magic: "f9beb4d9",
  ports: { p2p: 8333, rpc: 8332, electrumTcp: 50001, electrumTls: 50002 },
  address: {
    p2pkh: 0x00,
    p2sh: [0x05],
    bech32: "bc",
    wif: 0x80,
    bip32Public: 0x0488b21e,
    bip32Private: 0x0488ade4,
  },
  genesis: {
    hash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f" as BlockHash,
    message: SATOSHI_MESSAGE,
    publicKey: SATOSHI_KEY,
    timeS: 1231006505,
    bits: 0x1d00ffff,
    nonce: 2083236893,
  },
  proofOfWork: { ...SHA256D, limit: EASY_LIMIT },
  money: BITCOIN_MONEY,
  serialization: "bitcoin",
};

export const testnet3: Network = {
  name: "testnet3",
  chain: "test",
  magic: "0b110907",
  ports: { p2p: 18333, rpc: 18332, electrumTcp: 51001, electrumTls: 51002 },
  address: { ...TEST_ADDRESS, bech32: "tb" },
  genesis: {
    hash: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943" as BlockHash,
    message: SATOSHI_MESSAGE,
    publicKey: SATOSHI_KEY,
    timeS: 1296688602,
    bits: 0x1d00ffff,
    nonce: 414098458,
  },
  proofOfWork: { ...SHA256D, limit: EASY_LIMIT },
  money: BITCOIN_MONEY,
  serialization: "bitcoin",
};

export const testnet4: Network = {
  name: "testnet4",
  chain: "testnet4",
  magic: "1c163f28",
  ports: { p2p: 48333, rpc: 48332, electrumTcp: 51001, electrumTls: 51002 },
  address: { ...TEST_ADDRESS, bech32: "tb" },
  genesis: {
    hash: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043" as BlockHash,
    message: "03/May/2024 000000000000000000001ebd58c244970b3aa9d783bb001011fbe8ea8e98e00e",
    publicKey: "00".repeat(33),
    timeS: 1714777860,
    bits: 0x1d00ffff,
    nonce: 393743547,
  },
  proofOfWork: { ...SHA256D, limit: EASY_LIMIT },
  money: BITCOIN_MONEY,
  serialization: "bitcoin",
};

export const signet: Network = {
  name: "signet",
  chain: "signet",
  magic: "0a03cf40",
  ports: { p2p: 38333, rpc: 38332, electrumTcp: 51001, electrumTls: 51002 },
  address: { ...TEST_ADDRESS, bech32: "tb" },
  genesis: {
    hash: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6" as BlockHash,
    message: SATOSHI_MESSAGE,
    publicKey: SATOSHI_KEY,
    timeS: 1598918400,
    bits: 0x1e0377ae,
    nonce: 52613770,
  },
  proofOfWork: { ...SHA256D, limit: 0x0377aen << 216n },
  money: BITCOIN_MONEY,
  serialization: "bitcoin",
  signetChallenge: DEFAULT_SIGNET_CHALLENGE,
};

export const regtest: Network = {
  name: "regtest",
  chain: "regtest",
  magic: "fabfb5da",
  ports: { p2p: 18444, rpc: 18443, electrumTcp: 51001, electrumTls: 51002 },
  address: { ...TEST_ADDRESS, bech32: "bcrt" },
  genesis: {
    hash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206" as BlockHash,
    message: SATOSHI_MESSAGE,
    publicKey: SATOSHI_KEY,
    timeS: 1296688602,
    bits: 0x207fffff,
    nonce: 2,
  },
  proofOfWork: { ...SHA256D, limit: (1n << 255n) - 1n },
  money: { ...BITCOIN_MONEY, halvingIntervalBlocks: 150 },
  serialization: "bitcoin",
};

export const litecoin: Network = {
  name: "litecoin",
  chain: "main",
  magic: "fbc0b6db",
  ports: { p2p: 9333, rpc: 9332, electrumTcp: 50001, electrumTls: 50002 },
  address: {
    p2pkh: 0x30,
    p2sh: [0x32, 0x05],
    bech32: "ltc",
    wif: 0xb0,
    bip32Public: 0x0488b21e,
    bip32Private: 0x0488ade4,
  },
  genesis: {
    hash: "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2" as BlockHash,
    message: "NY Times 05/Oct/2011 Steve Jobs, Apple’s Visionary, Dies at 56",
    publicKey:
      "040184710fa689ad5023690c80f3a49c8f13f8d45b8c857fbcbc8bc4a8e4d3eb4b10f4d4604fa08dce601aaf0f470216fe1b51850b4acf21b179c45070ac7b03a9",
    timeS: 1317972665,
    bits: 0x1e0ffff0,
    nonce: 2084524493,
  },
  proofOfWork: { algorithm: "scrypt", limit: (1n << 236n) - 1n, targetSpacingS: 150 },
  money: { ...BITCOIN_MONEY, halvingIntervalBlocks: 840_000, maxSat: 84_000_000n * COIN_SAT },
  serialization: "mweb",
};

export const networks: readonly Network[] = Object.freeze([
  mainnet,
  testnet3,
  testnet4,
  signet,
  regtest,
  litecoin,
]);

export function networkByName(name: string): Network {
  const found = networks.find((network) => network.name === name);
  if (found !== undefined) return found;
  throw new BitcoinError(
    { code: "BITCOIN_UNKNOWN_NETWORK", name },
    `there is no network "${name}"; known are ${networks.map((network) => network.name).join(", ")}`,
  );
}

/** A signet of one's own (BIP325): its challenge script decides its magic; all signets share one genesis block. */
export function customSignet(challenge: Uint8Array): Network {
  const serialized = new Writer(challenge.length + 5).varBytes(challenge).finish();
  return {
    ...signet,
    magic: bytesToHex(sha256d(serialized).subarray(0, 4)),
    signetChallenge: bytesToHex(challenge),
  };
}

/** The magic as bytes, to compare with what stands in a block file. */
export function magicBytes(network: Network): Uint8Array {
  return hexToBytes(network.magic);
}

/** What a block at this height may create, before fees. */
export function subsidySat(network: Network, height: number): bigint {
  const halvings = Math.floor(height / network.money.halvingIntervalBlocks);
  return halvings >= 64 ? 0n : network.money.firstSubsidySat >> BigInt(halvings);
}
