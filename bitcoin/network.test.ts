/** The networks' facts, each proved by a hash or by another library. */
import { networks as libraryNetworks } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { genesisBlock, genesisBlockBytes } from "./block/genesis.ts";
import { blockHashOf, hasProofOfWork } from "./block/header.ts";
import { bytesToHex, hexToBytes } from "./bytes.ts";
import {
  customSignet,
  litecoin,
  magicBytes,
  mainnet,
  networkByName,
  networks,
  regtest,
  signet,
  subsidySat,
  testnet3,
} from "./network.ts";
import { txidOf } from "./transaction.ts";

describe.each(networks)("$name", (network) => {
  it("has a genesis block that hashes to its hash and holds its proof of work", () => {
    const block = genesisBlockBytes(network);

    expect(blockHashOf(block)).toBe(network.genesis.hash);
    expect(hasProofOfWork(block, network)).toBe(true);
  });

  it("is found by its name", () => expect(networkByName(network.name)).toBe(network));
});

it("refuses an unknown network and names the known ones", () => {
  expect(() => networkByName("dogecoin")).toThrow(/mainnet, testnet3.*litecoin/);
  expect(() => networkByName("dogecoin")).toThrow(
    expect.objectContaining({ code: "BITCOIN_UNKNOWN_NETWORK", data: { name: "dogecoin" } }),
  );
});

it("knows Satoshi's coinbase", () => {
  const [coinbase] = genesisBlock(mainnet).transactions;

  expect(coinbase && txidOf(coinbase)).toBe(
    "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
  );
});

it.each([
  [mainnet, libraryNetworks.bitcoin],
  [testnet3, libraryNetworks.testnet],
  [regtest, libraryNetworks.regtest],
])("has the prefixes bitcoinjs-lib has", ({ address }, library) => {
  expect([address.p2pkh, address.p2sh[0], address.bech32, address.wif]).toEqual([
    library.pubKeyHash,
    library.scriptHash,
    library.bech32,
    library.wif,
  ]);
  expect([address.bip32Public, address.bip32Private]).toEqual([library.bip32.public, library.bip32.private]);
});

describe("signet", () => {
  it("has the magic its challenge makes", () => {
    expect(customSignet(hexToBytes(signet.signetChallenge ?? ""))).toEqual(signet);
    expect(bytesToHex(magicBytes(signet))).toBe("0a03cf40");
  });

  it("has another magic for another challenge and the same genesis", () => {
    const own = customSignet(Uint8Array.of(0x51));

    expect(own).toMatchObject({ signetChallenge: "51", magic: "54d26fbd", genesis: signet.genesis });
  });
});

describe("the subsidy", () => {
  it.each([
    [mainnet, 0, 5_000_000_000n],
    [mainnet, 209_999, 5_000_000_000n],
    [mainnet, 210_000, 2_500_000_000n],
    [mainnet, 951_658, 312_500_000n],
    [mainnet, 6_930_000, 0n],
    [mainnet, 210_000 * 64, 0n],
    [regtest, 150, 2_500_000_000n],
    [litecoin, 2_265_985, 1_250_000_000n],
  ])("of $name at %i is %i", (network, height, sat) => {
    expect(subsidySat(network, height)).toBe(sat);
  });

  it("never adds up to more than the money there is", () => {
    for (const { money, ...network } of networks) {
      let total = 0n;
      for (let halving = 0; halving <= 64; halving++) {
        const each = subsidySat({ ...network, money }, halving * money.halvingIntervalBlocks);
        total += each * BigInt(money.halvingIntervalBlocks);
      }
      expect(total).toBeGreaterThan(0n);
      expect(total).toBeLessThanOrEqual(money.maxSat);
    }
  });
});
