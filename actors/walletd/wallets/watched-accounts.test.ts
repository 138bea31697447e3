/** Public keys of accounts as programs write them, and everything else that people may paste in their place. */
import { describe, expect, it } from "vitest";
import {
  accountDescriptor,
  descriptorChecksum,
  parseAccountKey,
} from "../../../bitcoin/keys/account-text.ts";
import { masterKey } from "../../../bitcoin/keys/hd-key.ts";
import { seedOf } from "../../../bitcoin/keys/mnemonic.ts";
import { mainnet, regtest } from "../../../bitcoin/network.ts";
import { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import { type AccountsWish, accountsOf } from "./watched-accounts.ts";

/** The words and keys of BIP84's own example. */
const WORDS = `${"abandon ".repeat(11)}about`.split(" ");
const ZPUB =
  "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
const SEED = seedOf(WORDS, "");
const main = WalletKeys.fromSeed(SEED, { network: mainnet, type: "bip84", hasBonds: false });
const test = WalletKeys.fromSeed(SEED, { network: regtest, type: "bip84", hasBonds: true });
const refused = (what: string) =>
  expect.objectContaining({ code: "WALLETD_ACCOUNT_KEY", message: expect.stringContaining(what) });
const watched = (keys: readonly string[], more: Partial<AccountsWish> = {}, network = mainnet) =>
  accountsOf({ keys, hasBonds: false, ...more }, network);

describe("the keys of an account are read", () => {
  it("as BIP84's own zpub, which is the xpub of the same words", () => {
    const { watched: kept, type } = watched([ZPUB]);
    const keys = WalletKeys.fromAccounts(kept.keys, { network: mainnet, type, hasBonds: false });

    expect({ kept: kept.keys, type }).toEqual({ kept: [main.accountText(0)], type: "bip84" });
    expect(keys.key({ mixdepth: 0, chain: 0, index: 0 }).address).toBe(
      "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
    );
  });

  it("as descriptors of one branch, of both, with their origin; and the fingerprint is kept", () => {
    const origin = { fingerprint: "73c5da0a", path: "m/84'/0'/0'" };
    const both = accountDescriptor(main.accountText(0), "bip84", origin);
    const bare = `wpkh([73C5DA0A/84h/0h/0h]${main.accountText(0)}/0/*)`;

    for (const text of [both, bare, `${bare}#${descriptorChecksum(bare)}`]) {
      expect(watched([text]).watched).toEqual({ keys: [main.accountText(0)], fingerprint: "73c5da0a" });
    }
    expect(parseAccountKey(`sh(wpkh(${main.accountText(0)}))`, mainnet).type).toBe("bip49");
  });

  it("with joinmarket-clientserver's mark of bonds, and several in any order", () => {
    const accounts = watched([test.accountText(2), test.accountText(0)], {}, regtest);

    expect(accounts).toMatchObject({ hasBonds: true, mixdepths: 3 });
    const keys = WalletKeys.fromAccounts(accounts.watched.keys, {
      ...{ network: regtest, type: "bip84", hasBonds: true },
    });
    expect([0, 1, 2].map((mixdepth) => keys.hasMixdepth(mixdepth))).toEqual([true, false, true]);
  });
});

describe("refused is", () => {
  it("a private key, in any letters", () => {
    const account = masterKey(SEED, mainnet).derive([84, 0, 0].map((step) => step + 2 ** 31));
    for (const text of [account.privateText(), `wpkh(${account.privateText()}/0/*)`]) {
      expect(() => watched([text])).toThrow(refused("private key"));
    }
  });

  it("a key from another place, network or wallet, or twice the same", () => {
    const branch = masterKey(SEED, mainnet)
      .derive([84 + 2 ** 31, 2 ** 31, 2 ** 31, 0])
      .publicText();
    const stranger = WalletKeys.fromSeed(new Uint8Array(16).fill(1), {
      ...{ network: mainnet, type: "bip84", hasBonds: false },
    });
    const origin = (fingerprint: string, path: string, keys = main) =>
      accountDescriptor(keys.accountText(Number(path.at(-2))), "bip84", { fingerprint, path });

    expect(() => watched([branch])).toThrow(refused("not at a place"));
    expect(() => watched([test.accountText(1)])).toThrow(refused("no extended key of mainnet"));
    expect(() => watched([ZPUB, main.accountText(0)])).toThrow(refused("two of them are of one mixdepth"));
    expect(() =>
      watched([origin("73c5da0a", "m/84'/0'/0'"), origin("00000001", "m/84'/0'/1'", stranger)]),
    ).toThrow(refused("different wallets"));
    expect(() => watched([origin("73c5da0a", "m/49'/0'/0'")])).toThrow(
      refused("where it says it comes from"),
    );
    expect(() => watched([origin("73c5da0a", "m/84'/1'/0'")])).toThrow(
      refused("where it says it comes from"),
    );
    expect(() => watched([ZPUB], { type: "bip49" })).toThrow(refused("different kinds"));
  });

  it("a descriptor of another kind, one that is mistyped, and what is no key at all", () => {
    const good = accountDescriptor(main.accountText(0), "bip84", {
      fingerprint: "73c5da0a",
      path: "m/84'/0'/0'",
    });

    expect(() => watched([good.replace("73c5da0a", "73c5da0b")])).toThrow(refused("checksum"));
    expect(() => watched([`tr(${main.accountText(0)}/0/*)`])).toThrow(refused("only wpkh"));
    for (const text of ["", "hello", "zpub1", "x".repeat(500), "wpkh()", "wpkh(\u0007)#aaaaaaaa"]) {
      expect(() => watched([text])).toThrow(expect.objectContaining({ code: "WALLETD_ACCOUNT_KEY" }));
    }
    expect(() => watched([ZPUB.replace("A", "B")])).toThrow(
      expect.objectContaining({ code: "WALLETD_ACCOUNT_KEY" }),
    );
  });
});

it("reckons BIP380's checksum", () => {
  expect(descriptorChecksum("raw(deadbeef)")).toBe("89f8spxm");
});
