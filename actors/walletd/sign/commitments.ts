/** Commitments to a taker's coins (PoDLE): each try of a coin is on the disk before it leaves, so that none is used twice. */
import { bytesToHex, parseTxid } from "../../../bitcoin/bytes.ts";
import { makeCommitment } from "../../../joinmarket/podle/commitment.ts";
import { denials } from "../denials.ts";
import { mixable } from "../spend/candidates.ts";
import { sumOf } from "../spend/plan.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";
import type { Granted } from "./grants.ts";
import { termsOf } from "./reservations.ts";

export interface CommitmentWish {
  readonly reservation: string;
  readonly ageMin: number;
  readonly percentMin: number;
  readonly triesMax: number;
}

export function commit(wallet: OpenWallet, granted: Granted, wish: CommitmentWish) {
  wallet.needKnown();
  return wallet.store.transact((state) => {
    const { terms, outpoints } = termsOf(wallet, granted, wish.reservation, "taker");
    const { mixdepth } = terms;
    const inputs = wallet.coins(mixdepth).filter(({ outpoint }) => outpoints.includes(outpoint));
    const wantedSat = ((terms.amountSat ?? sumOf(inputs)) * wish.percentMin) / 100;
    // Makers ask for a coin of some age, not for one that is mixed: what else lies in the mixdepth may stand for it.
    // Not what its owner keeps apart, for the makers who agree are shown which coin it was.
    const others = mixable(wallet, { mixdepth, confirmationsMin: 0, isMixed: () => false });
    const coins: StandingCoin[] = [...inputs, ...others];
    const used = new Map<string, Set<number>>();
    for (const { outpoint, index } of Object.values(state.commitments)) {
      used.set(outpoint, (used.get(outpoint) ?? new Set()).add(index));
    }
    const old = coins.filter(({ confirmations }) => confirmations >= wish.ageMin);
    const large = old.filter(({ amountSat }) => amountSat >= wantedSat);
    for (const coin of large) {
      for (const index of freeIndexes(used.get(coin.outpoint), wish.triesMax)) {
        const made = commitTo(wallet, coin, index);
        // Coins at one address share their commitments: makers know only the key.
        if (Object.hasOwn(state.commitments, made.commitment)) continue;
        const use = { outpoint: coin.outpoint, index, atMs: wallet.nowMs };
        return { changes: [{ kind: "commitment.used", commitment: made.commitment, use }], result: made };
      }
    }
    throw denials.noCommitment(coins.length - old.length, old.length - large.length, large.length);
  });
}

function freeIndexes(used: ReadonlySet<number> | undefined, triesMax: number): number[] {
  return Array.from({ length: triesMax }, (_, index) => index).filter((index) => used?.has(index) !== true);
}

function commitTo(wallet: OpenWallet, { txid, index: vout, key }: StandingCoin, index: number) {
  const privateKey = wallet.keys.privateKey(key.path);
  try {
    const { commitment, opening } = makeCommitment({ txid: parseTxid(txid), vout, privateKey }, index);
    const { P, P2, s, e } = opening;
    return {
      commitment,
      opening: {
        txid,
        index: vout,
        P: bytesToHex(P),
        P2: bytesToHex(P2),
        s: bytesToHex(s),
        e: bytesToHex(e),
      },
    };
  } finally {
    privateKey.fill(0);
  }
}
