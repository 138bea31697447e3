/** Wallets of other programs after some use here, as they are written for those programs again: always the same bytes. */

import { writeClientserver } from "../../../actors/walletd/files/clientserver.ts";
import type { ImportedWallet } from "../../../actors/walletd/files/imported-wallet.ts";
import { writeJoinmarketNg } from "../../../actors/walletd/files/joinmarket-ng/wallet-file.ts";
import { readLabels, writeLabels } from "../../../actors/walletd/files/labels.ts";
import { openForeign } from "../../../actors/walletd/files/open-foreign.ts";
import { KeyMaker } from "../../../actors/walletd/store/password-key.ts";
import { applyChange, type WalletChange } from "../../../actors/walletd/store/wallet-change.ts";
import { keysOf } from "../../../actors/walletd/wallets/keys-of.ts";
import { regtest } from "../../../bitcoin/network.ts";

export interface TheirWallet {
  readonly file: Buffer;
  readonly password: string;
  readonly passphrase: string;
  readonly labels: string;
  /** By branch the next index that their program knows. */
  readonly next: Readonly<Record<string, number>>;
  readonly coins: readonly { readonly outpoint: string; readonly address: string }[];
}

/** What the files' randomness would be. */
const SALT = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
const IV = Buffer.from("101112131415161718191a1b1c1d1e1f", "hex");
const SECONDS = 1_700_000_000;
const maker = new KeyMaker();
export const PASSWORD = "ours now, ä";
export const LABEL = "written by us – ünïcode";

/** Read, then: two addresses handed out, the last coin frozen, its address labelled. */
export async function usedHere(their: TheirWallet): Promise<ImportedWallet> {
  const { file: bytes, password, passphrase } = their;
  const wallet = await openForeign({
    bytes,
    password,
    passphrase,
    keys: maker,
    network: "regtest",
    wallet: "a.jmdat",
  });
  const last = their.coins.at(-1) ?? { outpoint: "", address: "" };
  const changes: WalletChange[] = [
    ...readLabels(their.labels).changes,
    ...Object.entries(their.next).map(([branch, nextIndex]): WalletChange => {
      const [mixdepth = 0, chain = 0] = branch.split("/").map(Number);
      return { kind: "address.issued", mixdepth, chain, nextIndex: nextIndex + (branch === "4/0" ? 2 : 0) };
    }),
    { kind: "coin.frozen", outpoint: last.outpoint, frozen: { isFrozen: true, why: "owner" } },
    { kind: "label", type: "addr", ref: last.address, label: LABEL },
  ];
  for (const change of changes) applyChange(wallet.state, change);
  return wallet;
}

export function asClientserver(wallet: ImportedWallet): Promise<Buffer> {
  return writeClientserver(wallet, { password: PASSWORD, keys: maker }, { salt: SALT, iv: IV });
}

export async function asJoinmarketNg(wallet: ImportedWallet): Promise<{ file: Buffer; labels: string }> {
  const random = { salt: SALT, iv: IV, seconds: SECONDS };
  const keys = keysOf(wallet.state, wallet.secrets, regtest);
  // No coin has come to these branches.
  const handedOut = [1, 4].flatMap((mixdepth) =>
    Array.from(
      { length: wallet.state.nextIndexes[`${mixdepth}/0`] ?? 0 },
      (_, index) => keys.key({ mixdepth, chain: 0, index }).address,
    ),
  );
  const file = await writeJoinmarketNg(wallet, { password: PASSWORD, keys: maker }, random);
  return { file, labels: writeLabels(wallet.state, handedOut) };
}
