/** Answers to makers and takers, each within its grant, and the owner's granting. */
import type { CallContext, Handlers } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { denials } from "../denials.ts";
import { signCoinjoin } from "../sign/coinjoin-signer.ts";
import { commit } from "../sign/commitments.ts";
import { endedOf, type Granted, standingOf } from "../sign/grants.ts";
import { type ReserveWish, readdress, release, reserve } from "../sign/reservations.ts";
import { mixable } from "../spend/candidates.ts";
import { scriptFor } from "../spend/planner.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { WalletState } from "../store/wallet-state.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { type Desk, grantedBy, ownedBy } from "./owner-desk.ts";

type CoinjoinMethods =
  | "grant"
  | "revoke"
  | "funds"
  | "reserveAsMaker"
  | "reserveAsTaker"
  | "readdress"
  | "release"
  | "resign"
  | "commitment"
  | "bondProof"
  | "signAsMaker"
  | "signAsTaker"
  | "addHistoryNote";

export function coinjoinAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, CoinjoinMethods> {
  const { grants, random, config, metrics } = desk;
  const granted = (grant: string, call: CallContext) => grantedBy(desk, grant, call);
  const reserveRules = { config, random };

  return {
    async grant({ caller, limits, ttlS, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      wallet.needKeys();
      const { grant, granted: given } = grants.give(wallet.name, caller, limits, ttlS, call.caller);
      await wallet.store.append(...standingOf(grant, given));
      return { grant, id: given.id, expiresAtS: Math.floor(given.expiresAtMs / 1_000) };
    },
    async revoke({ id, ...owned }, call) {
      const wallet = ownedBy(desk, owned, call);
      const ended = new Set(grants.revoke(wallet.name, id).map((one) => one.id));
      await release(wallet, ended);
      await forget(wallet, ended);
      return { revoked: ended.size };
    },
    async funds({ grant, confirmationsMin }, call) {
      const { wallet, by } = granted(grant, call);
      wallet.needKnown();
      await wallet.transactions.load();
      const mixdepths = Array.from({ length: wallet.mixdepths }, (_, mixdepth) => mixdepth)
        .filter((mixdepth) => by.limits.mixdepths?.includes(mixdepth) ?? true)
        .map((mixdepth) => {
          const sums = mixable(wallet, { mixdepth, confirmationsMin, isMixed: () => false });
          const amounts = sums.map(({ amountSat }) => amountSat);
          return {
            mixdepth,
            availableSat: amounts.reduce((sum, sat) => sum + sat, 0),
            largestCoinSat: amounts.reduce((most, sat) => Math.max(most, sat), 0),
            coins: amounts.length,
          };
        });
      const hasBond = wallet
        .coins(0)
        .some(({ standing, height }) => standing.locktimeS !== null && height !== null);
      return { tip: wallet.view.tip ?? null, mixdepths, hasBond };
    },
    reserveAsMaker({ grant, amountSat, coinjoinFeeSat, txfeeSat, changeSatMin, ...wish }, call) {
      const { wallet, by } = granted(grant, call);
      checkMixdepth(wallet, wish.mixdepth);
      // Whoever would pay for mixing others' coins has been broken into, or errs.
      if (txfeeSat > coinjoinFeeSat) throw denials.beyondGrant("txfeeSat above coinjoinFeeSat");
      const targetSat = Math.max(amountSat, amountSat + txfeeSat - coinjoinFeeSat + changeSatMin);
      const fees = { coinjoinFeeSat, txfeeSat, makerFeesSatMax: 0, miningFeeSatMax: 0 };
      const whole: ReserveWish = { ...wish, amountSat, targetSat, destination: null, fees };
      return reserve(wallet, by, whole, reserveRules);
    },
    reserveAsTaker({ grant, amountSat, destination, makerFeesSatMax, miningFeeSatMax, ...wish }, call) {
      const { wallet, by } = granted(grant, call);
      checkMixdepth(wallet, wish.mixdepth);
      if (destination !== null) scriptFor(destination, wallet);
      const targetSat = (amountSat ?? 0) + makerFeesSatMax + miningFeeSatMax;
      const fees = { coinjoinFeeSat: 0, txfeeSat: 0, makerFeesSatMax, miningFeeSatMax };
      return reserve(wallet, by, { ...wish, amountSat, targetSat, destination, fees }, reserveRules);
    },
    readdress({ grant, reservation }, call) {
      const { wallet, by } = granted(grant, call);
      return readdress(wallet, by, reservation);
    },
    async release({ grant, reservation }, call) {
      const { wallet, by } = granted(grant, call);
      return { released: await release(wallet, new Set([by.id]), reservation) };
    },
    async resign({ grant }, call) {
      const { wallet, by } = granted(grant, call);
      grants.revoke(wallet.name, by.id);
      const ended = new Set([by.id]);
      await release(wallet, ended);
      await forget(wallet, ended);
      return {};
    },
    commitment({ grant, ...wish }, call) {
      const { wallet, by } = granted(grant, call);
      return commit(wallet, by, wish, desk.chain);
    },
    async bondProof({ grant, makerNick, takerNick }, call) {
      const { wallet } = granted(grant, call);
      wallet.needKnown();
      return { proof: await desk.bonds.prove(wallet, { maker: makerNick, taker: takerNick }) };
    },
    async signAsMaker({ grant, ...wish }, call) {
      const { wallet, by } = granted(grant, call);
      const signed = await signCoinjoin(wallet, by, "maker", wish, config);
      metrics.signed("maker");
      return signed;
    },
    async signAsTaker({ grant, ...wish }, call) {
      const { wallet, by } = granted(grant, call);
      const signed = await signCoinjoin(wallet, by, "taker", wish, config);
      metrics.signed("taker");
      return signed;
    },
    async addHistoryNote({ grant, txid, note }, call) {
      const { wallet, by } = granted(grant, call);
      if (note.role !== by.caller) throw denials.beyondGrant("role");
      const isOurs =
        wallet.view.placeOf(txid) !== undefined ||
        Object.values(wallet.state.signed).some((signed) => signed.txid === txid);
      // Or a broken maker could fill the disk with notes on transactions that nobody knows.
      if (!isOurs) throw denials.beyondGrant("txid");
      await wallet.store.transact(({ signed }) => ({
        changes: [{ kind: "note", txid, note }, ...(note.isSuccess ? sentChanges(signed, txid, by) : [])],
        result: undefined,
      }));
      return {};
    },
  };
}

function checkMixdepth(wallet: OpenWallet, mixdepth: number): void {
  if (mixdepth >= wallet.mixdepths) throw denials.beyondGrant("mixdepths");
}

function forget({ store }: OpenWallet, ended: ReadonlySet<string>): Promise<void> {
  return store.transact((state) => ({ changes: endedOf(state, ended), result: undefined }));
}

/** Its taker has sent it: from now on it is kept on the network. A maker's word is not enough, for it says so when it signs. */
function sentChanges(signed: WalletState["signed"], txid: string, by: Granted): WalletChange[] {
  if (by.caller !== "taker") return [];
  return Object.entries(signed)
    .filter(([, record]) => record.txid === txid && record.purpose === "taker" && record.isSeen !== true)
    .map(([key, record]) => ({ kind: "signed", key, signed: { ...record, isSeen: true } }));
}
