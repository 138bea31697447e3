/** Coins and fresh addresses set aside for one coinjoin, with what was promised for them: kept on the disk, held to when it is signed. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { selectCoins } from "../../../joinmarket/coins/select.ts";
import { vouchFor } from "../../../joinmarket/messages/inputs.ts";
import { INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import { type Candidate, mixable, type NamedCoin, namedMixable } from "../spend/candidates.ts";
import { checkDailyLimit } from "../spend/daily-limit.ts";
import { sumOf } from "../spend/plan.ts";
import { scriptFor } from "../spend/planner.ts";
import { issueOf } from "../spend/signed-record.ts";
import type { WalletState } from "../store/wallet-state.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";
import { type Granted, RESERVATIONS_PER_HOUR, type Side } from "./grants.ts";

const Place = z.strictObject({ mixdepth: z.int(), chain: z.int(), index: z.int() });

/** What the store keeps of a promise; parsed again when it is used. */
export const TermsSchema = z.strictObject({
  mixdepth: z.int(),
  /** Null is a sweep. */
  amountSat: z.int().nullable(),
  coinjoinFeeSat: z.int(),
  txfeeSat: z.int(),
  makerFeesSatMax: z.int(),
  miningFeeSatMax: z.int(),
  /** Where the equal output goes: a place of ours, or an address of others. */
  destination: z.union([Place, z.string()]),
  change: Place,
});
export type Terms = z.infer<typeof TermsSchema>;

export interface ReserveWish {
  readonly mixdepth: number;
  readonly ttlS: number;
  readonly confirmationsMin: number;
  readonly encryptionKey?: string | undefined;
  /** Null takes all of the mixdepth. */
  readonly amountSat: number | null;
  /** What the coins must be worth together. */
  readonly targetSat: number;
  readonly destination: string | null;
  /** Exactly these; any when absent. */
  readonly coins?: readonly NamedCoin[] | undefined;
  readonly fees: Pick<Terms, "coinjoinFeeSat" | "txfeeSat" | "makerFeesSatMax" | "miningFeeSatMax">;
}

export interface Reserved {
  readonly reservation: string;
  readonly expiresAtS: number;
  readonly mixdepth: number;
  readonly coins: { txid: string; index: number; amountSat: number; script: string }[];
  readonly coinjoinAddress: string;
  readonly changeAddress: string;
  readonly auth: { publicKey: string; signature: string } | null;
}

export interface ReserveRules {
  readonly config: WalletdConfig;
  readonly random: () => number;
}

/** Of one grant at once. */
export const RESERVATIONS_MAX = 200;
const ID_BYTES = 16;

export async function reserve(
  wallet: OpenWallet,
  granted: Granted,
  wish: ReserveWish,
  rules: ReserveRules,
): Promise<Reserved> {
  wallet.needKnown();
  checkLimits(granted, wish);
  await wallet.transactions.load();
  const reserved = await wallet.store.transact((state) => {
    const nowMs = wallet.nowMs;
    const own = Object.values(state.reservations).filter(
      ({ owner, untilMs }) => owner === granted.id && untilMs > nowMs,
    );
    if (own.length >= RESERVATIONS_MAX) throw denials.reservations(RESERVATIONS_MAX);
    const coins = choose(wallet, wish, rules);
    if (wish.amountSat === null) checkAmount(granted, sumOf(coins));
    // Before anybody is asked to mix: what it costs beside is known, and counts, when it is signed.
    if (wish.destination !== null && !wallet.isOwn(scriptFor(wish.destination, wallet))) {
      const sat = wish.amountSat ?? sumOf(coins);
      checkDailyLimit(wallet, rules.config, { caller: granted.givenBy, sat });
    }
    const { destination, change, fresh } = places(wallet, wish);
    checkPace(granted);
    // What is lent is set aside for no longer than that.
    const lentUntilMs = granted.loan === undefined ? undefined : state.lent[granted.loan.key]?.untilMs;
    const untilMs = Math.min(nowMs + wish.ttlS * 1_000, lentUntilMs ?? Number.POSITIVE_INFINITY);
    const id = randomBytes(ID_BYTES).toString("hex");
    const terms: Terms = {
      mixdepth: wish.mixdepth,
      amountSat: wish.amountSat,
      ...wish.fees,
      destination: typeof destination === "string" ? destination : destination.path,
      change: change.path,
    };
    const outpoints = coins.map(({ outpoint }) => outpoint);
    const reservation = { owner: granted.id, purpose: granted.caller, outpoints, untilMs, terms };
    return {
      changes: [...fresh.map(issueOf), { kind: "reserved", id, reservation }],
      result: {
        reservation: id,
        expiresAtS: Math.floor(untilMs / 1_000),
        mixdepth: wish.mixdepth,
        coins: coins.map(({ txid, index, amountSat, key }) => ({
          txid,
          index,
          amountSat,
          script: bytesToHex(key.scriptPubKey),
        })),
        coinjoinAddress: typeof destination === "string" ? destination : destination.address,
        changeAddress: change.address,
        auth: authOf(wallet, coins, wish.encryptionKey),
      },
    };
  });
  wallet.sync.issued();
  wallet.touched();
  return reserved;
}

/** Whoever was shown the former ones in a transaction that came to nothing would know which output is ours in the next. */
export async function readdress(
  wallet: OpenWallet,
  granted: Granted,
  id: string,
): Promise<Pick<Reserved, "coinjoinAddress" | "changeAddress">> {
  wallet.needKnown();
  const addresses = await wallet.store.transact((state) => {
    const { terms } = termsOf(wallet, granted, id, "taker");
    const reservation = state.reservations[id];
    if (reservation === undefined) throw denials.noReservation();
    if (isSigned(state, id)) throw denials.willNotSign("already-signed");
    const elsewhere = typeof terms.destination === "string" ? terms.destination : null;
    const { destination, change, fresh } = places(wallet, { ...terms, destination: elsewhere });
    checkPace(granted);
    const told = typeof destination === "string" ? destination : destination.address;
    const next: Terms = {
      ...terms,
      destination: typeof destination === "string" ? destination : destination.path,
      change: change.path,
    };
    return {
      changes: [
        ...fresh.map(issueOf),
        { kind: "reserved" as const, id, reservation: { ...reservation, terms: next } },
      ],
      result: { coinjoinAddress: told, changeAddress: change.address },
    };
  });
  wallet.sync.issued();
  wallet.touched();
  return addresses;
}

/** One, or all of these grants'. What is signed may be sent by others at any time, so its coins stay set aside. */
export async function release(wallet: OpenWallet, owners: ReadonlySet<string>, id?: string): Promise<number> {
  const released = await wallet.store.transact((state) => {
    const ids = Object.entries(state.reservations)
      .filter(
        ([key, { owner }]) => owners.has(owner) && !isSigned(state, key) && (id === undefined || key === id),
      )
      .map(([key]) => key);
    const changes = ids.map((key) => ({ kind: "reserved" as const, id: key, reservation: null }));
    return { changes, result: changes.length };
  });
  wallet.touched();
  return released;
}

function isSigned({ signed }: Readonly<WalletState>, id: string): boolean {
  return Object.hasOwn(signed, id);
}

/** The promise behind a reservation of this grant that has not run out. */
export function termsOf(
  wallet: OpenWallet,
  granted: Granted,
  id: string,
  side: Side,
): { readonly terms: Terms; readonly outpoints: readonly string[] } {
  const reservation = Object.hasOwn(wallet.state.reservations, id)
    ? wallet.state.reservations[id]
    : undefined;
  const terms = TermsSchema.safeParse(reservation?.terms);
  const isGood =
    reservation?.owner === granted.id && reservation.purpose === side && reservation.untilMs > wallet.nowMs;
  if (!isGood || !terms.success) throw denials.noReservation();
  return { terms: terms.data, outpoints: reservation.outpoints };
}

function checkLimits(granted: Granted, { mixdepth, amountSat, fees, destination }: ReserveWish): void {
  const { limits } = granted;
  if (limits.mixdepths !== undefined && !limits.mixdepths.includes(mixdepth)) {
    throw denials.beyondGrant("mixdepths");
  }
  if (amountSat !== null) checkAmount(granted, amountSat);
  if (destination !== null && !limits.destinations.includes(destination)) {
    throw denials.beyondGrant("destinations");
  }
  const { loan } = granted;
  if (loan !== undefined && (amountSat !== loan.amountSat || destination !== loan.address)) {
    throw denials.beyondGrant(amountSat === loan.amountSat ? "destinations" : "amountSat");
  }
  if (granted.caller === "taker") {
    if (fees.makerFeesSatMax > limits.makerFeesSatMax) throw denials.beyondGrant("makerFeesSatMax");
    if (fees.miningFeeSatMax > limits.miningFeeSatMax) throw denials.beyondGrant("miningFeeSatMax");
  }
}

export function checkAmount({ limits, usedSat }: Granted, amountSat: number): void {
  if (amountSat > (limits.amountSatMax ?? Number.POSITIVE_INFINITY))
    throw denials.beyondGrant("amountSatMax");
  if (usedSat + amountSat > (limits.totalSatMax ?? Number.POSITIVE_INFINITY)) {
    throw denials.beyondGrant("totalSatMax");
  }
}

function checkPace({ pace }: Granted): void {
  if (!pace.take()) throw denials.tooFast("coinjoins of one grant", RESERVATIONS_PER_HOUR, pace.waitMs());
}

function choose(wallet: OpenWallet, wish: ReserveWish, rules: ReserveRules): readonly Candidate[] {
  const { mixdepth, confirmationsMin, amountSat, targetSat } = wish;
  const isMixed = (coin: StandingCoin) => wallet.transactions.roleOf(coin) === "coinjoin-output";
  const which = { mixdepth, confirmationsMin, isMixed };
  const candidates =
    wish.coins === undefined ? mixable(wallet, which) : namedMixable(wallet, wish.coins, which);
  const availableSat = sumOf(candidates);
  if (amountSat === null || wish.coins !== undefined) {
    const isEnough = amountSat === null ? availableSat > targetSat : availableSat >= targetSat;
    if (!isEnough) throw denials.funds(targetSat, availableSat);
    return candidates;
  }
  const chosen = selectCoins(
    candidates.map((coin) => ({ coin, valueSat: coin.amountSat, isMixed: coin.isMixed })),
    targetSat,
    {
      algorithm: wallet.settings.mergeAlgorithm,
      keepsDepositsApart: rules.config.deposits_apart && mixdepth === 0,
      random: rules.random,
    },
  );
  if (chosen === undefined) throw denials.funds(targetSat, availableSat);
  return chosen.map(({ coin }) => coin);
}

/** The mixed amount goes one mixdepth on, what is left stays. */
function places(
  wallet: OpenWallet,
  { mixdepth, destination }: Pick<ReserveWish, "mixdepth" | "destination">,
) {
  const branch = { mixdepth, chain: INTERNAL_CHAIN };
  const change = wallet.book.at({ ...branch, index: wallet.freshIndex(branch) });
  if (destination !== null) return { destination, change, fresh: [change] };
  const next = { mixdepth: (mixdepth + 1) % wallet.mixdepths, chain: INTERNAL_CHAIN };
  const isSame = next.mixdepth === mixdepth;
  const index = wallet.freshIndex(next) + (isSame ? 1 : 0);
  const own: WalletKey = wallet.book.at({ ...next, index });
  return { destination: own, change, fresh: [change, own] };
}

/** The first coin's key vouches for the conversation's. Nothing else is ever signed with it: the text is a key of 64 hex digits. */
function authOf(wallet: OpenWallet, [coin]: readonly Candidate[], encryptionKey: string | undefined) {
  if (coin === undefined || encryptionKey === undefined) return null;
  const privateKey = wallet.keys.privateKey(coin.key.path);
  try {
    return { publicKey: bytesToHex(coin.key.publicKey), signature: vouchFor(encryptionKey, privateKey) };
  } finally {
    privateKey.fill(0);
  }
}
