/** What a coinjoin would cost before its owner has decided: the offers are kept for a while, so that it begins where the plan ended. */
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { isAddress } from "../../../bitcoin/script/address.ts";
import type { RpcReply, RpcRequest } from "../../../bus/contract/contract.ts";
import type { ShownBond, TakerOffer, takerContract } from "../../../bus/contracts/taker.ts";
import type { Offer } from "../../../joinmarket/offer/offer.ts";
import type { Candidate } from "../../../joinmarket/orderbook/candidates.ts";
import type { Timer } from "../../../runtime/clock.ts";
import { expectedMinerFeeSat, grantedSat, likelyMinerFeeSat, makerFeesSat } from "../agreement/costs.ts";
import type { CoinjoinParts } from "../coinjoin/parts.ts";
import { denials } from "../denials.ts";
import type { JudgedBond } from "../market/bond-judge.ts";
import type { Gathering } from "../market/gathering.ts";

type PlanRequest = RpcRequest<typeof takerContract, "plan">;
type PlanReply = RpcReply<typeof takerContract, "plan">;

/** Longer than a person thinks about it; a stranger on the market without a purpose stands out. */
const KEPT_MS = 5 * 60_000;
const PLANS_MAX = 8;

interface Kept {
  readonly gathering: Gathering;
  readonly timer: Timer;
}

export class Plans {
  readonly #parts: CoinjoinParts;
  readonly #kept = new Map<string, Kept>();
  #opening = 0;

  constructor(parts: CoinjoinParts) {
    this.#parts = parts;
  }

  async make(wish: PlanRequest, signal: AbortSignal): Promise<PlanReply> {
    if (wish.destination !== null && !isAddress(wish.destination, this.#parts.network)) {
      throw denials.address(wish.destination);
    }
    if (this.#kept.size + this.#opening >= PLANS_MAX) throw denials.busy(PLANS_MAX);
    const gathering = this.#parts.openGathering();
    this.#opening++;
    try {
      await gathering.start();
      const reply = await this.#reckon(wish, gathering, signal);
      if (!wish.isKept) {
        await gathering.close();
        return reply;
      }
      const timer = this.#parts.clock.after(KEPT_MS, () => void this.#drop(gathering.id), {
        background: true,
      });
      this.#kept.set(gathering.id, { gathering, timer });
      return reply;
    } catch (error) {
      await gathering.close();
      throw error;
    } finally {
      this.#opening--;
    }
  }

  /** For the coinjoin that goes on with it; nothing when it is gone. */
  take(id: string | undefined): Gathering | undefined {
    const kept = id === undefined ? undefined : this.#kept.get(id);
    if (kept === undefined) return undefined;
    kept.timer.cancel();
    this.#kept.delete(kept.gathering.id);
    return kept.gathering;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#kept.keys()].map((id) => this.#drop(id)));
  }

  async #drop(id: string): Promise<void> {
    await this.take(id)?.close();
  }

  async #reckon(wish: PlanRequest, gathering: Gathering, signal: AbortSignal): Promise<PlanReply> {
    const { config, picker, bonds: judge, feerate, randomBelow } = this.#parts;
    const makersMin = Math.min(wish.makersMin ?? config.makers_min, wish.makers ?? Number.POSITIVE_INFINITY);
    const low = Math.max(config.makers_low, makersMin);
    const wanted = wish.makers ?? low + randomBelow(Math.max(config.makers_high - low, 0) + 1);
    const amountSat = wish.amountSat ?? wish.availableSat;
    if (amountSat > wish.availableSat) throw denials.tooSmall(wish.availableSat);
    const limits = limitsOf(config, wish.limits);
    const rules = { limits, ignored: new Set([...wish.ignored, gathering.nick]) };
    const there = () =>
      picker.candidates({ makers: gathering.book.makers(), bonds: new Map() }, amountSat, rules);
    await gathering.offers(() => there().length >= wanted, signal);

    const makers = gathering.book.makers();
    const bonds = await judge.values(makers, gathering.nick);
    const view = { makers, bonds };
    const candidates = picker.candidates(view, amountSat, rules).length;
    const satPerKvb = await feerate.satPerKvb(wish);
    const count = wish.makers ?? Math.max(Math.min(wanted, candidates), makersMin);
    const pick = { ...rules, count, preferred: new Set<string>(), feesSatMax: Number.POSITIVE_INFINITY };
    const minersSat = expectedMinerFeeSat(wish.coins, count, satPerKvb);
    const choice =
      wish.amountSat === null
        ? picker.forSweep(view, pick, { coins: [{ valueSat: wish.availableSat }], minerFeeSat: minersSat })
        : { amountSat, makers: picker.makers(view, amountSat, pick) };
    const found = choice?.makers ?? [];
    if (choice === undefined || found.length < count) throw denials.fewMakers(candidates, count);
    const feesSat = makerFeesSat(found);
    const isCovered = wish.amountSat === null || amountSat + feesSat + minersSat <= wish.availableSat;
    if (!isCovered) throw denials.tooSmall(wish.availableSat);
    return {
      plan: gathering.id,
      amountSat: choice.amountSat,
      makers: found.map((candidate) => ({ ...shownCandidate(candidate), costSat: candidate.costSat })),
      makersMin,
      candidates,
      makerFeesSat: feesSat,
      // A sweep has no change: what was reckoned with is what the miners get.
      miningFeeSat: wish.amountSat === null ? minersSat : likelyMinerFeeSat(wish.coins, count, satPerKvb),
      satPerVb: satPerKvb / 1_000,
      ...within(
        grantedSat(feesSat, minersSat),
        wish.availableSat - choice.amountSat,
        feesSat + minersSat,
        wish,
      ),
      channels: gathering.channels,
    };
  }
}

/** What is not there cannot be granted: then the margins shrink. */
function within(
  granted: ReturnType<typeof grantedSat>,
  leftSat: number,
  neededSat: number,
  { amountSat }: PlanRequest,
): ReturnType<typeof grantedSat> {
  const { makerFeesSatMax, miningFeeSatMax } = granted;
  if (amountSat === null || makerFeesSatMax + miningFeeSatMax <= leftSat) return granted;
  const share = Math.min(2, leftSat / Math.max(neededSat, 1)) / 2;
  return {
    makerFeesSatMax: Math.floor(makerFeesSatMax * share),
    miningFeeSatMax: Math.floor(miningFeeSatMax * share),
  };
}

export function limitsOf(
  config: CoinjoinParts["config"],
  limits: PlanRequest["limits"],
): { readonly absoluteSat: number; readonly relative: string } {
  return {
    absoluteSat: limits.absoluteSat ?? config.fee_absolute_sat,
    relative: limits.relative ?? config.fee_relative,
  };
}

function shownCandidate({ nick, offer, bondValue }: Candidate): TakerOffer {
  return shownOffer(nick, offer, bondValue);
}

export function shownOffer(nick: string, offer: Offer, bondValue: number): TakerOffer {
  const { offerId, type, minSat, maxSat, txfeeSat, feeText } = offer;
  return {
    nick,
    oid: offerId,
    type,
    minSizeSat: minSat,
    maxSizeSat: maxSat,
    txfeeSat,
    fee: feeText,
    bondValue,
  };
}

/** Of all offers, for whoever wants to see the market. */
export function shownBook(gathering: Gathering, bonds: ReadonlyMap<string, JudgedBond>): TakerOffer[] {
  return gathering.book
    .makers()
    .flatMap(({ nick, offers }) =>
      offers.map((offer) => shownOffer(nick, offer, bonds.get(nick)?.value ?? 0)),
    );
}

export function shownBonds(bonds: ReadonlyMap<string, JudgedBond>): ShownBond[] {
  return [...bonds].map(([nick, { bond, coin, confirmedS, value }]) => ({
    ...{ nick, value, txid: bond.txid, index: bond.vout, amountSat: coin.valueSat },
    ...{
      locktimeS: bond.locktime,
      script: bytesToHex(coin.scriptPubKey),
      publicKey: bytesToHex(bond.publicKey),
    },
    ...{ confirmations: coin.confirmations, confirmedAtS: confirmedS, certificateExpiry: bond.expiry },
  }));
}
