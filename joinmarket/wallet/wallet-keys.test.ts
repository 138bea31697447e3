/** The keys, addresses and names of wallets against what both peers derive from one mnemonic. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex } from "../../bitcoin/bytes.ts";
import { publicKeyOf } from "../../bitcoin/keys/curve.ts";
import { parseMnemonic, seedOf } from "../../bitcoin/keys/mnemonic.ts";
import { formatWif } from "../../bitcoin/keys/wif.ts";
import { mainnet, type Network, regtest } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { BOND_CHAIN, BURN_CHAIN, EXTERNAL_CHAIN, INTERNAL_CHAIN, parseKeyPath } from "./paths.ts";
import { WalletKeys } from "./wallet-keys.ts";

type ByNetwork<T> = Readonly<Record<"regtest" | "mainnet", T>>;

interface WalletVectors {
  readonly mnemonic: string;
  readonly passphrase: string;
  readonly bip84: ByNetwork<readonly (readonly [string, string, string])[]>;
  readonly bip84WithPassphrase: ByNetwork<readonly string[]>;
  readonly bip49: ByNetwork<readonly string[]>;
  readonly externalBranch: ByNetwork<string>;
  readonly account0: ByNetwork<string>;
  readonly account1: ByNetwork<string>;
  readonly bondBranch: ByNetwork<string>;
  readonly wif: ByNetwork<string>;
  readonly ids: Readonly<Record<"bonds" | "bondsWithPassphrase" | "bip84" | "bip49", ByNetwork<string>>>;
  readonly fingerprint: string;
  readonly fingerprintWithPassphrase: string;
  readonly bonds: readonly {
    readonly network: "regtest" | "mainnet";
    readonly timenumber: number;
    readonly locktime: number;
    readonly address: string;
    readonly publicKey: string;
    readonly script: string;
  }[];
  readonly bond0WithPassphrase: ByNetwork<string>;
}

const vectors = readVectors<WalletVectors>("joinmarket-wallet");
const noSuchKey = expect.objectContaining({ code: "JOINMARKET_NO_SUCH_KEY" });
const { words } = parseMnemonic(vectors.mnemonic);
const seed = seedOf(words, "");
const seedWithPassphrase = seedOf(words, vectors.passphrase);

const bondWallet = (network: Network, from = seed) =>
  WalletKeys.fromSeed(from, { network, type: "bip84", hasBonds: true });
const plainWallet = (network: Network) =>
  WalletKeys.fromSeed(seed, { network, type: "bip84", hasBonds: false });
const nestedWallet = (network: Network) =>
  WalletKeys.fromSeed(seed, { network, type: "bip49", hasBonds: false });

describe.each([
  ["regtest", regtest],
  ["mainnet", mainnet],
] as const)("on %s a wallet", (name, network) => {
  const keys = bondWallet(network);
  const addressAt = (wallet: WalletKeys, mixdepth: number, chain: number, index: number) =>
    wallet.key({ mixdepth, chain, index }).address;

  it("has the addresses of both peers in every mixdepth, with bonds and without", () => {
    for (const [mixdepth, [external0, external1, internal0]] of vectors.bip84[name].entries()) {
      for (const wallet of [keys, plainWallet(network)]) {
        expect(addressAt(wallet, mixdepth, EXTERNAL_CHAIN, 0)).toBe(external0);
        expect(addressAt(wallet, mixdepth, EXTERNAL_CHAIN, 1)).toBe(external1);
        expect(addressAt(wallet, mixdepth, INTERNAL_CHAIN, 0)).toBe(internal0);
      }
    }
    expect(vectors.bip84[name]).toHaveLength(5);
  });

  it("has other addresses with a passphrase", () => {
    const wallet = bondWallet(network, seedWithPassphrase);
    for (const [mixdepth, address] of vectors.bip84WithPassphrase[name].entries()) {
      expect(addressAt(wallet, mixdepth, EXTERNAL_CHAIN, 0)).toBe(address);
    }
    expect(addressAt(wallet, 0, BOND_CHAIN, 0)).toBe(vectors.bond0WithPassphrase[name]);
    expect(vectors.bip84WithPassphrase[name]).toHaveLength(5);
  });

  it("has nested addresses if it is of the old type", () => {
    const wallet = nestedWallet(network);
    for (const [mixdepth, address] of vectors.bip49[name].entries()) {
      expect(addressAt(wallet, mixdepth, EXTERNAL_CHAIN, 0)).toBe(address);
    }
    expect(vectors.bip49[name]).toHaveLength(5);
  });

  it("shows the same public keys of branches and mixdepths", () => {
    expect(keys.branchText(0, EXTERNAL_CHAIN)).toBe(vectors.externalBranch[name]);
    expect(keys.branchText(0, BOND_CHAIN)).toBe(vectors.bondBranch[name]);
    expect(keys.accountText(0)).toBe(vectors.account0[name]);
    expect(keys.accountText(1)).toBe(vectors.account1[name]);
    expect(plainWallet(network).accountText(0)).not.toContain("fbonds");
  });

  it("has the names that the peers give it", () => {
    expect(keys.clientserverId()).toBe(vectors.ids.bonds[name]);
    expect(bondWallet(network, seedWithPassphrase).clientserverId()).toBe(
      vectors.ids.bondsWithPassphrase[name],
    );
    expect(plainWallet(network).clientserverId()).toBe(vectors.ids.bip84[name]);
    expect(nestedWallet(network).clientserverId()).toBe(vectors.ids.bip49[name]);
    expect(keys.ngFingerprint()).toBe(vectors.fingerprint);
    expect(bondWallet(network, seedWithPassphrase).ngFingerprint()).toBe(vectors.fingerprintWithPassphrase);
  });

  it("gives the private key of an address as text", () => {
    const key = keys.privateKey({ mixdepth: 0, chain: EXTERNAL_CHAIN, index: 0 });

    expect(formatWif(key, network)).toBe(vectors.wif[name]);
  });

  it.each(vectors.bonds.filter((bond) => bond.network === name))(
    "locks bond $timenumber until $locktime at $address",
    (bond) => {
      const key = keys.key({ mixdepth: 0, chain: BOND_CHAIN, index: bond.timenumber });

      expect(key.address).toBe(bond.address);
      expect(bytesToHex(key.publicKey)).toBe(bond.publicKey);
      if (key.spending.kind !== "bond") throw new Error(`spent as ${key.spending.kind}`);
      expect(key.spending.locktime).toBe(bond.locktime);
      expect(bytesToHex(key.spending.witnessScript)).toBe(bond.script);
      expect(key.pathText).toBe(
        `m/84'/${name === "mainnet" ? 0 : 1}'/0'/2/${bond.timenumber}:${bond.locktime}`,
      );
    },
  );
});

it("agrees with itself at every place: path, script, address, Electrum's name, private half, watching wallet", () => {
  const keys = bondWallet(regtest);
  const watching = WalletKeys.fromAccounts(
    [4, 2, 0, 1, 3].map((mixdepth) => keys.accountText(mixdepth)),
    keys.kind,
  );
  fc.assert(
    fc.property(fc.nat(4), fc.constantFrom(0, 1, 2), fc.nat(959), (mixdepth, chain, index) => {
      const path = { mixdepth: chain === BOND_CHAIN ? 0 : mixdepth, chain, index };
      const key = keys.key(path);

      expect(parseKeyPath(key.pathText)).toEqual({ purpose: 84, coin: 1, ...path });
      expect(scriptOfAddress(key.address, regtest)).toEqual(key.scriptPubKey);
      expect(key.scriptHash).toBe(scriptHashOf(key.scriptPubKey));
      expect(publicKeyOf(keys.privateKey(path))).toEqual(key.publicKey);
      expect(watching.key(path)).toEqual(key);
    }),
    { numRuns: 50 },
  );
});

describe("a wallet refuses", () => {
  const at = { mixdepth: 0, chain: EXTERNAL_CHAIN, index: 0 };

  it.each([
    ["a bond in mixdepth 1", { ...at, mixdepth: 1, chain: BOND_CHAIN }],
    ["a bond after 2099", { ...at, chain: BOND_CHAIN, index: 960 }],
    ["a branch that JoinMarket does not have", { ...at, chain: 4 }],
    ["a negative mixdepth", { ...at, mixdepth: -1 }],
    ["half an index", { ...at, index: 0.5 }],
    ["a hardened index", { ...at, index: 0x8000_0000 }],
  ])("%s", (_, path) => {
    const keys = bondWallet(regtest);

    expect(() => keys.key(path)).toThrow(noSuchKey);
    expect(() => keys.publicKey(path)).toThrow(noSuchKey);
    expect(() => keys.privateKey(path)).toThrow(noSuchKey);
  });

  it("bonds where it has none, and an address for burnt coins", () => {
    expect(() => plainWallet(regtest).key({ ...at, chain: BOND_CHAIN })).toThrow(noSuchKey);
    expect(() => nestedWallet(regtest).key({ ...at, chain: BURN_CHAIN })).toThrow(noSuchKey);
    expect(() => bondWallet(regtest).key({ ...at, chain: BURN_CHAIN })).toThrow(noSuchKey);
    expect(bondWallet(regtest).publicKey({ ...at, chain: BURN_CHAIN })).toHaveLength(33);
    expect(() => WalletKeys.fromSeed(seed, { network: regtest, type: "bip49", hasBonds: true })).toThrow(
      noSuchKey,
    );
  });

  it("to sign or to name itself when it only watches", () => {
    const kind = { network: regtest, type: "bip84", hasBonds: true } as const;
    const watching = WalletKeys.fromAccounts([vectors.account0.regtest], kind);

    expect(watching.canSign).toBe(false);
    expect(watching.key(at).address).toBe(vectors.bip84.regtest[0]?.[0]);
    expect(() => watching.privateKey(at)).toThrow(noSuchKey);
    expect(() => watching.clientserverId()).toThrow(noSuchKey);
    expect(() => watching.key({ ...at, mixdepth: 1 })).toThrow(noSuchKey);
    for (const other of [vectors.externalBranch.regtest, vectors.bondBranch.regtest]) {
      expect(() => WalletKeys.fromAccounts([other], kind)).toThrow(noSuchKey);
    }
  });

  it("everything private once it is wiped", () => {
    const keys = bondWallet(regtest);
    keys.key(at);

    keys.wipe();

    expect(() => keys.privateKey(at)).toThrow(expect.objectContaining({ code: "BITCOIN_BAD_KEY" }));
    expect(() => keys.key(at)).toThrow(expect.objectContaining({ code: "BITCOIN_BAD_KEY" }));
  });
});
