/** Commitments to a taker's coins (PoDLE): each try of a coin is on the disk before it leaves, so that none is used twice. */
import { bytesToHex, hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import type { ForeignCoin, ForeignCoins } from "../../../bus/chain/foreign-coins.ts";
import { makeCommitment } from "../../../joinmarket/podle/commitment.ts";
import { commitmentOf, type KeptProof } from "../../../joinmarket/podle/commitments-file.ts";
import { shownCoinFault } from "../../../joinmarket/podle/revelation.ts";
import { outpointOf } from "../coins/script-facts.ts";
import { denials } from "../denials.ts";
import { mixable } from "../spend/candidates.ts";
import { sumOf } from "../spend/plan.ts";
import type { WalletState } from "../store/wallet-state.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";
import { lookUp } from "./external-coins.ts";
import type { Granted } from "./grants.ts";
import { termsOf } from "./reservations.ts";

export interface CommitmentWish {
  readonly reservation: string;
  readonly ageMin: number;
  readonly percentMin: number;
  readonly triesMax: number;
}

interface Made {
  readonly commitment: string;
  readonly opening: {
    readonly txid: string;
    readonly index: number;
    readonly P: string;
    readonly P2: string;
    readonly s: string;
    readonly e: string;
  };
}

/** Why none of these coins could. */
interface Shortage {
  readonly amountSat: number;
  readonly tooYoung: number;
  readonly tooSmall: number;
  readonly usedUp: number;
}

/** Of the wallet's own coins if one can: what is mixed is shown anyway. Then of those that its owner has from elsewhere. */
export async function commit(
  wallet: OpenWallet,
  granted: Granted,
  wish: CommitmentWish,
  chain: ForeignCoins,
): Promise<Made> {
  wallet.needKnown();
  const own = await wallet.store.transact((state) => {
    const found = withOwn(wallet, granted, wish, state);
    return { changes: "made" in found ? [usedChange(wallet, found.made, found.index)] : [], result: found };
  });
  if ("made" in own) return own.made;
  const looked = await lookUp(chain, Object.keys(wallet.state.externalCoins));
  return wallet.store.transact((state) => {
    const found = withExternal(state, looked, own, wish);
    if (!("made" in found)) throw denials.noCommitment(found.tooYoung, found.tooSmall, found.usedUp);
    return { changes: [usedChange(wallet, found.made, found.index)], result: found.made };
  });
}

interface Found {
  readonly made: Made;
  /** Which try of its coin it is. */
  readonly index: number;
}

function withOwn(
  wallet: OpenWallet,
  granted: Granted,
  wish: CommitmentWish,
  state: Readonly<WalletState>,
): Found | Shortage {
  const { terms, outpoints } = termsOf(wallet, granted, wish.reservation, "taker");
  const { mixdepth } = terms;
  const inputs = wallet.coins(mixdepth).filter(({ outpoint }) => outpoints.includes(outpoint));
  const amountSat = terms.amountSat ?? sumOf(inputs);
  // Makers ask for a coin of some age, not for one that is mixed: what else lies in the mixdepth may stand for it.
  // Not what its owner keeps apart, for the makers who agree are shown which coin it was.
  const others = mixable(wallet, { mixdepth, confirmationsMin: 0, isMixed: () => false });
  const coins: StandingCoin[] = [...inputs, ...others];
  const used = new Map<string, Set<number>>();
  for (const { outpoint = "", index } of Object.values(state.commitments)) {
    if (index !== undefined) used.set(outpoint, (used.get(outpoint) ?? new Set()).add(index));
  }
  const old = coins.filter(({ confirmations }) => confirmations >= wish.ageMin);
  const large = old.filter((coin) => coin.amountSat >= (amountSat * wish.percentMin) / 100);
  for (const coin of large) {
    for (const index of freeIndexes(used.get(coin.outpoint), wish.triesMax)) {
      const made = commitTo(wallet, coin, index);
      // Coins at one address share their commitments: makers know only the key. So do another program's of this wallet.
      if (!Object.hasOwn(state.commitments, made.commitment)) return { made, index };
    }
  }
  return {
    amountSat,
    tooYoung: coins.length - old.length,
    tooSmall: old.length - large.length,
    usedUp: large.length,
  };
}

/** One that was spent since is nobody's proof; that its key is the coin's was never looked at where it came from a file. */
function withExternal(
  { externalCoins, commitments }: Readonly<WalletState>,
  looked: ReadonlyMap<string, ForeignCoin>,
  own: Shortage,
  { ageMin, percentMin, triesMax }: CommitmentWish,
): Found | Shortage {
  let { tooYoung, tooSmall, usedUp } = own;
  const rules = { amountSat: own.amountSat, confirmationsMin: ageMin, percentMin };
  for (const [outpoint, { P, proofs }] of Object.entries(externalCoins)) {
    const fault = shownCoinFault(looked.get(outpoint), hexToBytes(P), rules);
    if (fault === "too-young") tooYoung++;
    if (fault === "too-small") tooSmall++;
    if (fault !== undefined) continue;
    const proof = proofs.find(
      (each) => each.index < triesMax && !Object.hasOwn(commitments, commitmentOf(each)),
    );
    if (proof !== undefined) return { made: madeOf(outpoint, P, proof), index: proof.index };
    usedUp++;
  }
  return { ...own, tooYoung, tooSmall, usedUp };
}

function usedChange(wallet: OpenWallet, { commitment, opening }: Made, index: number) {
  const use = { outpoint: `${opening.txid}:${opening.index}`, index, atMs: wallet.nowMs };
  return { kind: "commitment.used" as const, commitment, use };
}

function madeOf(outpoint: string, P: string, { P2, s, e }: KeptProof): Made {
  return { commitment: commitmentOf({ P2 }), opening: { ...outpointOf(outpoint), P, P2, s, e } };
}

function freeIndexes(used: ReadonlySet<number> | undefined, triesMax: number): number[] {
  return Array.from({ length: triesMax }, (_, index) => index).filter((index) => used?.has(index) !== true);
}

function commitTo(wallet: OpenWallet, { txid, index: vout, key }: StandingCoin, index: number): Made {
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
