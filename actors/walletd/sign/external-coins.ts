/** Coins of elsewhere that may stand for this wallet's coinjoins: their keys make proofs once and are forgotten at once. */
import { setImmediate as turn } from "node:timers/promises";
import { bytesToHex, parseTxid } from "../../../bitcoin/bytes.ts";
import { publicKeyOf } from "../../../bitcoin/keys/curve.ts";
import { parseWif } from "../../../bitcoin/keys/wif.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { ForeignCoin, ForeignCoins } from "../../../bus/chain/foreign-coins.ts";
import { COMMITMENT_TRIES, makeCommitment } from "../../../joinmarket/podle/commitment.ts";
import {
  commitmentOf,
  type KeptProof,
  parseCommitmentsFile,
} from "../../../joinmarket/podle/commitments-file.ts";
import { shownCoinFault } from "../../../joinmarket/podle/revelation.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { outpointOf, outpointText } from "../coins/script-facts.ts";
import { denials } from "../denials.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { WalletState } from "../store/wallet-state.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

export interface KeyedCoin {
  readonly txid: string;
  readonly index: number;
  /** In WIF. */
  readonly key: string;
}

interface HeldCoin {
  readonly txid: string;
  readonly index: number;
  /** A copy that is overwritten when the proofs are made. */
  readonly privateKey: () => Uint8Array;
}

export interface ExternalView {
  readonly txid: string;
  readonly index: number;
  /** Null for one that does not exist or is spent: it stands for nothing any more. */
  readonly amountSat: number | null;
  readonly confirmations: number | null;
  readonly tries: number;
  readonly triesLeft: number;
}

export const EXTERNAL_COINS_MAX = 500;
const COMMITMENTS_MAX = 50_000;
/** Whatever age and worth: that is judged when one is needed. */
const ANY = { amountSat: 0, confirmationsMin: 0, percentMin: 0 };

/** All or none: each is unspent, belongs to its key, and is none of the wallet's own. */
export async function addExternal(
  wallet: OpenWallet,
  { coins, isTrial }: { readonly coins: readonly KeyedCoin[]; readonly isTrial: boolean },
  chain: ForeignCoins,
): Promise<{ added: number }> {
  wallet.needKnown();
  const held = coins.map((coin) => ({ ...coin, privateKey: () => privateKeyOf(coin, wallet.network) }));
  return keepProven(wallet, await provenAll(wallet, held, chain), isTrial);
}

/** Makes the proofs, a coin at a time so that others have their turn: some hundred take seconds. */
export async function provenAll(
  wallet: OpenWallet,
  coins: readonly HeldCoin[],
  chain: ForeignCoins,
): Promise<ExternalChange[]> {
  const looked = await lookUp(chain, coins.map(outpointText));
  const changes: ExternalChange[] = [];
  for (const coin of coins) {
    const outpoint = outpointText(coin);
    // One of its own would tie two mixdepths together before everybody who is shown it.
    if (wallet.view.coins.has(outpoint)) throw denials.externalCoin(coin, "own");
    changes.push(external(outpoint, provenBy(coin, looked.get(outpoint))));
    await turn();
  }
  return changes;
}

/** In a trial nothing is written, and refused is what would be. */
export function keepProven(
  wallet: OpenWallet,
  changes: readonly ExternalChange[],
  isTrial: boolean,
): Promise<{ added: number }> {
  return wallet.store.transact((state) => {
    for (const { outpoint, coin } of changes) {
      if (triesLeft(coin, state) === 0) {
        throw denials.externalCoin(outpointOf(outpoint), "used-up");
      }
    }
    needRoom(state, changes);
    return { changes: isTrial ? [] : changes, result: { added: changes.length } };
  });
}

/** From joinmarket-clientserver's file: also which commitments it has used, for the same keys make the same again. */
export async function importExternal(wallet: OpenWallet, text: string) {
  wallet.needKnown();
  const file = parseCommitmentsFile(text);
  if (file === undefined) throw denials.commitmentsFile();
  const strange = file.external.filter(({ txid, vout }) => !wallet.view.coins.has(`${txid}:${vout}`));
  const changes = strange.map(({ txid, vout, P, proofs }) =>
    external(`${txid}:${vout}`, { P, proofs: [...proofs] }),
  );
  return wallet.store.transact((state) => {
    const used = new Set(file.used.filter((commitment) => !Object.hasOwn(state.commitments, commitment)));
    if (Object.keys(state.commitments).length + used.size > COMMITMENTS_MAX) {
      throw denials.tooMany("used commitments", COMMITMENTS_MAX);
    }
    needRoom(state, changes);
    const atMs = wallet.nowMs;
    const marks = [...used].map((commitment) => ({
      ...{ kind: "commitment.used" as const, commitment, use: { atMs } },
    }));
    const ignored = file.ignored + file.external.length - strange.length;
    return { changes: [...changes, ...marks], result: { added: changes.length, used: used.size, ignored } };
  });
}

/** What was used stays known as used. */
export function forgetExternal(
  wallet: OpenWallet,
  outpoints?: readonly string[],
): Promise<{ forgotten: number }> {
  return wallet.store.transact(({ externalCoins }) => {
    const known = Object.keys(externalCoins).filter((each) => outpoints?.includes(each) ?? true);
    const changes = known.map((outpoint) => ({
      ...{ kind: "commitment.external" as const, outpoint, coin: null },
    }));
    return { changes, result: { forgotten: known.length } };
  });
}

export async function listExternal(wallet: OpenWallet, chain: ForeignCoins) {
  const { state } = wallet;
  const looked = await lookUp(chain, Object.keys(state.externalCoins));
  const coins = Object.entries(state.externalCoins).map(([outpoint, coin]): ExternalView => {
    const { txid, index: vout } = outpointOf(outpoint);
    const found = looked.get(outpoint);
    const left = triesLeft(coin, state);
    return {
      ...{
        txid,
        index: vout,
        amountSat: found?.valueSat ?? null,
        confirmations: found?.confirmations ?? null,
      },
      ...{ tries: coin.proofs.length, triesLeft: left },
    };
  });
  return { coins, used: Object.keys(state.commitments).length };
}

/** By outpoint, those that exist and are unspent. */
export async function lookUp(
  chain: ForeignCoins,
  outpoints: readonly string[],
): Promise<ReadonlyMap<string, ForeignCoin>> {
  const named = outpoints.map(outpointOf).map(({ txid, index }) => ({ txid, vout: index }));
  const found = named.length === 0 ? [] : await chain.look(named);
  return new Map(outpoints.flatMap((outpoint, i) => (found[i] === undefined ? [] : [[outpoint, found[i]]])));
}

type External = WalletState["externalCoins"][string];

interface ExternalChange {
  readonly kind: "commitment.external";
  readonly outpoint: string;
  readonly coin: External;
}

function external(outpoint: string, coin: External): ExternalChange {
  return { kind: "commitment.external", outpoint, coin };
}

/** As many proofs as makers take by their rules; the key is overwritten before this returns. */
function provenBy(coin: HeldCoin, found: ForeignCoin | undefined): External {
  const privateKey = coin.privateKey();
  try {
    const publicKey = publicKeyOf(privateKey);
    const fault = shownCoinFault(found, publicKey, ANY);
    if (fault !== undefined) throw denials.externalCoin(coin, fault === "unknown" ? "gone" : "other-key");
    const whole = { txid: parseTxid(coin.txid), vout: coin.index, privateKey };
    const proofs = Array.from({ length: COMMITMENT_TRIES }, (_, index): KeptProof => {
      const { P2, s, e } = makeCommitment(whole, index).opening;
      return { index, P2: bytesToHex(P2), s: bytesToHex(s), e: bytesToHex(e) };
    });
    return { P: bytesToHex(publicKey), proofs };
  } finally {
    privateKey.fill(0);
  }
}

function privateKeyOf(coin: KeyedCoin, network: Network): Uint8Array {
  try {
    const { privateKey, isCompressed } = parseWif(coin.key, network);
    if (isCompressed) return privateKey;
  } catch (error) {
    if (!hasCode(error, "BITCOIN_BAD_KEY")) throw error;
  }
  throw denials.externalCoin(coin, "bad-key");
}

export function triesLeft({ proofs }: External, { commitments }: Readonly<WalletState>): number {
  return proofs.filter((proof) => !Object.hasOwn(commitments, commitmentOf(proof))).length;
}

function needRoom(
  { externalCoins }: Readonly<WalletState>,
  changes: readonly Extract<WalletChange, { kind: "commitment.external" }>[],
): void {
  const all = new Set([...Object.keys(externalCoins), ...changes.map(({ outpoint }) => outpoint)]);
  if (all.size > EXTERNAL_COINS_MAX) throw denials.tooMany("external coins", EXTERNAL_COINS_MAX);
}
