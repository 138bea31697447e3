/** Answers to the ledger, within its grant: one mixdepth, so much for a payment, so much within a day. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { parseTransaction } from "../../../bitcoin/transaction.ts";
import type { CallContext, Handlers } from "../../../bus/bus.ts";
import { BANK_COINS_MAX } from "../../../bus/contracts/walletd/bank-methods.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { EXTERNAL_CHAIN, INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import { outpointOf } from "../coins/script-facts.ts";
import { denials } from "../denials.ts";
import { type Granted, RESERVATIONS_PER_HOUR } from "../sign/grants.ts";
import { lend, recall, signedOfLent } from "../sign/lending.ts";
import { payeeScript } from "../sign/payee.ts";
import { mixable } from "../spend/candidates.ts";
import { checkDay } from "../spend/daily-limit.ts";
import { sumOf } from "../spend/plan.ts";
import { type Prepared, type SpendWish, scriptFor, toldOf } from "../spend/planner.ts";
import { keyIsTaken, requestOf } from "../spend/signed-record.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { type Desk, grantedBy } from "./owner-desk.ts";

type BankMethods = "bankAddress" | "bankView" | "bankQuote" | "payOut" | "bankLend" | "bankRecall";
type BankView = Awaited<ReturnType<Handlers<typeof walletdContract>["bankView"]>>;
type Moment = Extract<BankView, { received: unknown }>;
type Received = Moment["received"];

export function bankAnswers(desk: Desk): Pick<Handlers<typeof walletdContract>, BankMethods> {
  const wishOf = (
    { limits }: Granted,
    payment: SpendWish["payments"][number],
    blocks: number,
  ): SpendWish => ({
    mixdepth: mixdepthOf(limits),
    payments: [payment],
    fee: { blocks },
    confirmationsMin: 1,
    // One that is replaced from elsewhere would no longer be what the books say.
    isReplaceable: false,
  });
  return {
    async bankAddress({ grant }, call) {
      const { wallet, by } = grantedBy(desk, grant, call);
      if (!by.pace.take()) throw denials.tooFast("new addresses", RESERVATIONS_PER_HOUR, by.pace.waitMs());
      const { address } = await wallet.issue({ mixdepth: mixdepthOf(by.limits), chain: EXTERNAL_CHAIN });
      return { address };
    },
    async bankView({ grant, sinceHeight, orders }, call) {
      const { wallet, by } = grantedBy(desk, grant, call);
      wallet.needKnown();
      await wallet.transactions.load();
      const { tip } = wallet.view;
      if (tip === undefined) throw denials.notSynced(wallet.name, 0);
      const mixdepth = mixdepthOf(by.limits);
      const coins = wallet.coins(mixdepth).filter(({ key }) => key.path.chain <= INTERNAL_CHAIN);
      return {
        wallet: wallet.name,
        grantExpiresAtS: Math.floor(by.expiresAtMs / 1_000),
        tip: { height: tip.height, hash: tip.hash },
        totalSat: sumOf(coins),
        frozenSat: sumOf(coins.filter(({ standing }) => standing.isFrozen)),
        coinjoin: coinjoinOf(wallet, by),
        received: receivedSince(wallet, mixdepth, sinceHeight),
        payouts: orders.flatMap((order) => payoutOf(wallet, order, mixdepth)),
      };
    },
    async bankQuote({ grant, address, amountSat, blocks }, call) {
      const { wallet, by } = grantedBy(desk, grant, call);
      payeeScript(wallet, address);
      const wish = wishOf(by, { address, amountSat }, blocks);
      const spent = await desk.sender.dryRun(wallet, wish);
      return { amountSat: amountSat ?? paidOf(spent, wallet, address), feeSat: spent.feeSat };
    },
    async payOut({ grant, order, address, amountSat, feeSatMax, blocks }, call) {
      const { wallet, by } = grantedBy(desk, grant, call);
      const { limits } = by;
      if (amountSat > (limits.amountSatMax ?? 0)) throw denials.beyondGrant("amountSatMax");
      const mostSat = Math.min(feeSatMax, limits.miningFeeSatMax);
      const { id } = requestOf(askingOf(order, call), []);
      const judge = ({ plan, paidOutSat }: Prepared) => {
        // Lent for a coinjoin, it is paid by that or not at all.
        if (Object.hasOwn(wallet.state.lent, id)) throw keyIsTaken();
        payeeScript(wallet, address);
        if (plan.feeSat > mostSat) throw denials.beyondGrant("miningFeeSatMax");
        checkDay(
          wallet,
          { limit: "daySatMax", limitSat: limits.daySatMax },
          { caller: call.caller, sat: paidOutSat },
        );
      };
      // Whatever the fee of the day, and whichever grant: one order is one payment.
      const request = requestOf(askingOf(order, call), [wallet.name, mixdepthOf(limits), address, amountSat]);
      const wish = wishOf(by, { address, amountSat }, blocks);
      const { transaction, feeSat } = await desk.sender.sendAs(wallet, wish, request, { label: "", judge });
      return { txid: transaction.txid, feeSat };
    },
    bankLend({ grant, order, ...terms }, call) {
      const { wallet, by } = grantedBy(desk, grant, call);
      const { address, amountSat, makerFeesSatMax, miningFeeSatMax } = terms;
      const parts = [wallet.name, mixdepthOf(by.limits), address, amountSat];
      const request = requestOf(askingOf(order, call), [...parts, makerFeesSatMax, miningFeeSatMax]);
      return lend(wallet, desk.grants, by, request, terms);
    },
    async bankRecall({ grant, order }, call) {
      const { wallet, by } = grantedBy(desk, grant, call);
      const recalled = await recall(wallet, desk.grants, by, requestOf(askingOf(order, call), []));
      if (recalled.state === "unsigned") return { signed: null };
      const { signed } = recalled;
      return { signed: { payout: signed === null ? null : { txid: signed.txid, feeSat: signed.costSat } } };
    },
  };
}

function mixdepthOf({ mixdepths }: Granted["limits"]): number {
  return mixdepths?.[0] ?? 0;
}

/** The coins as a taker's plan needs them: what it costs depends on how many it takes. */
function coinjoinOf(wallet: OpenWallet, { limits }: Granted): Moment["coinjoin"] {
  const { amountSatMax = 0, makerFeesSatMax, miningFeeSatMax } = limits;
  if (makerFeesSatMax === 0) return null;
  const rules = { mixdepth: mixdepthOf(limits), confirmationsMin: 1, isMixed: () => false };
  const coinsSat = mixable(wallet, rules).map(({ amountSat }) => amountSat);
  coinsSat.sort((a, b) => b - a);
  return { amountSatMax, makerFeesSatMax, miningFeeSatMax, coinsSat: coinsSat.slice(0, BANK_COINS_MAX) };
}

function askingOf(order: string, { caller }: Pick<CallContext, "caller">) {
  return { caller, key: `order:${order}` };
}

function payoutOf(wallet: OpenWallet, order: string, mixdepth: number) {
  const { id } = requestOf(askingOf(order, { caller: "ledger" }), []);
  const lent = signedOfLent(wallet.state, id);
  if (lent !== undefined) {
    const place = wallet.view.placeOf(lent.txid);
    const isSeen = place !== undefined;
    return [{ order, txid: lent.txid, feeSat: lent.costSat, height: place?.height ?? null, isSeen }];
  }
  const signed = wallet.state.signed[id];
  if (signed?.rawTx === undefined || signed.inputsSat === undefined) return [];
  const { feeSat } = toldOf(wallet, parseTransaction(hexToBytes(signed.rawTx)), signed.inputsSat, mixdepth);
  const place = wallet.view.placeOf(signed.txid);
  return [{ order, txid: signed.txid, feeSat, height: place?.height ?? null, isSeen: place !== undefined }];
}

/** What others paid us: where we paid ourselves at an address that we had given out, that too, but no change. */
function receivedSince(wallet: OpenWallet, mixdepth: number, sinceHeight: number): Received {
  const received: Received = [];
  for (const { txid, height } of wallet.view.transactions()) {
    if (height !== null && height < sinceHeight) continue;
    const facts = wallet.transactions.facts(txid);
    if (facts === undefined) continue;
    const isOwn = facts.inputs.some((outpoint) => isOurs(wallet, outpoint));
    for (const { index, amountSat, key } of facts.ownOutputs) {
      const { path } = key;
      const isChange = path.chain === INTERNAL_CHAIN && isOwn;
      if (path.mixdepth !== mixdepth || path.chain > INTERNAL_CHAIN || isChange) continue;
      const { address } = key;
      const { isReplaceable, isCoinbase } = facts;
      received.push({ txid, index, amountSat, address, height, isReplaceable, isCoinbase });
    }
  }
  return received;
}

function isOurs(wallet: OpenWallet, outpoint: string): boolean {
  const { txid, index } = outpointOf(outpoint);
  return wallet.transactions.facts(txid)?.ownOutputs.some((own) => own.index === index) ?? false;
}

function paidOf(
  {
    transaction,
  }: {
    readonly transaction: {
      readonly outputs: readonly { readonly script: string; readonly amountSat: number }[];
    };
  },
  wallet: OpenWallet,
  address: string,
): number {
  const script = Buffer.from(scriptFor(address, wallet)).toString("hex");
  return transaction.outputs.find((output) => output.script === script)?.amountSat ?? 0;
}
