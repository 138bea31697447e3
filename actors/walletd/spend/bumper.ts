/** Replaces an unconfirmed payment of ours by one that pays the miners more, as BIP125 wants it: the payments stay as they are, unless all was paid that there was. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import {
  FINAL_SEQUENCE,
  parseTransaction,
  sizeVbOf,
  type Transaction,
} from "../../../bitcoin/transaction.ts";
import type { Bus, Client } from "../../../bus/bus.ts";
import type { RawTransactions } from "../../../bus/chain/raw-transactions.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { WalletFee } from "../../../bus/contracts/walletd/values.ts";
import { feeOfSizeSat } from "../../../joinmarket/coins/sizes.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { outpointOf, spentOutpoint } from "../coins/script-facts.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { WalletdMetrics } from "../metrics.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { type Candidate, candidatesOf } from "./candidates.ts";
import { checkDailyLimit } from "./daily-limit.ts";
import type { Delivery } from "./delivery.ts";
import type { Draft } from "./draft.ts";
import { type Plan, type PlannedOutput, planExact, planSweep, sumOf } from "./plan.ts";
import { changeKeyOf, isChange, mixedIn, type Planner, toldOf, toldPlan } from "./planner.ts";
import type { Spent } from "./sender.ts";
import { type Asking, issueOf, knownRecord, requestOf, signedDecision } from "./signed-record.ts";

export interface BumpWish {
  readonly txid: string;
  readonly fee: WalletFee;
}

export interface BumperParts {
  readonly bus: Bus;
  readonly config: WalletdConfig;
  readonly planner: Planner;
  readonly delivery: Delivery;
  readonly raw: RawTransactions;
  readonly metrics: Pick<WalletdMetrics, "signed">;
}

/** What is to be replaced, taken apart. */
interface Original {
  readonly txid: string;
  readonly coins: readonly BumpCoin[];
  readonly mixdepth: number;
  readonly payments: readonly PlannedOutput[];
  /** Where all of it went, if it was a sweep. */
  readonly sweptTo: Uint8Array | undefined;
  /** Where the change went; the replacement's goes there too. */
  readonly changeScript: Uint8Array | undefined;
  readonly feeSat: number;
  readonly sizeVb: number;
}

interface Looked {
  readonly original: Original;
  readonly rates: Rates;
}

interface Rates {
  readonly satPerKvb: number;
  readonly incrementSatPerKvb: number;
}

interface Replacement {
  readonly plan: Plan<BumpCoin>;
  readonly draft: Draft<BumpCoin>;
  /** Of change that the original had not. */
  readonly newChangeKey: WalletKey | undefined;
  readonly isSweep: boolean;
}

/** For a wallet whose keys are elsewhere: asks nobody when it is called. */
export type Preparation = () => Replacement;

type BumpCoin = Pick<Candidate, "txid" | "index" | "outpoint" | "amountSat" | "key" | "kind" | "isMixed">;

/** At and above it an input says that the sender will not replace it (BIP125). */
const NOT_REPLACEABLE = FINAL_SEQUENCE - 1;

export class Bumper {
  readonly #parts: BumperParts;
  readonly #mempool: Client<typeof mempoolContract>;

  constructor(parts: BumperParts) {
    this.#parts = parts;
    this.#mempool = parts.bus.client(mempoolContract);
  }

  async dryRun(wallet: OpenWallet, wish: BumpWish): Promise<Spent> {
    const { original, rates } = await this.#look(wallet, wish);
    const prepared = this.#prepare(wallet, original, rates);
    return { ...toldPlan(wallet, prepared, original.mixdepth), isSent: false, replaces: wish.txid };
  }

  async bump(wallet: OpenWallet, wish: BumpWish, asking: Asking): Promise<Spent> {
    wallet.needKeys();
    const { delivery, config, metrics } = this.#parts;
    const request = requestOf(asking, [wallet.name, "bump", wish]);
    let record = knownRecord(wallet, request);
    if (record === undefined) {
      const { original, rates } = await this.#look(wallet, wish);
      record = await wallet.store.transact(() => {
        const known = knownRecord(wallet, request);
        if (known !== undefined) return { changes: [], result: known };
        const prepared = this.#prepare(wallet, original, rates);
        const { plan, draft, newChangeKey, isSweep } = prepared;
        // The payments were counted when they were first signed; a sweep takes the fee out of them.
        const paidOutSat = isSweep ? 0 : plan.feeSat - original.feeSat;
        checkDailyLimit(wallet, config, { caller: asking.caller, sat: paidOutSat });
        const more: WalletChange[] = newChangeKey === undefined ? [] : [issueOf(newChangeKey)];
        const decision = signedDecision(wallet, draft, request, { paidOutSat, isSweep, more });
        metrics.signed("send");
        delivery.justSigned(decision.result);
        const label = wallet.label("tx", original.txid);
        if (label === "") return decision;
        const labelled: WalletChange = { kind: "label", type: "tx", ref: decision.result.txid, label };
        return { ...decision, changes: [...decision.changes, labelled] };
      });
      wallet.sync.issued();
    }
    await delivery.deliver(wallet, request.id, record);
    const transaction = parseTransaction(hexToBytes(record.rawTx));
    const told = toldOf(wallet, transaction, record.inputsSat, mixdepthOf(wallet, transaction));
    return { ...told, isSent: true, replaces: wish.txid };
  }

  /** For keys that are elsewhere: whatever must be asked of others is asked now. */
  async preparation(wallet: OpenWallet, wish: BumpWish): Promise<Preparation> {
    const { original, rates } = await this.#look(wallet, wish);
    return () => this.#prepare(wallet, original, rates);
  }

  /** All that must be asked of others before it can be decided. */
  async #look(wallet: OpenWallet, { txid, fee }: BumpWish): Promise<Looked> {
    const { planner } = this.#parts;
    const satPerKvb = await planner.rateOf(wallet, fee);
    const original = await this.#originalOf(wallet, txid);
    const incrementSatPerKvb = await planner.incrementSatPerKvb();
    return { original, rates: { satPerKvb, incrementSatPerKvb } };
  }

  async #originalOf(wallet: OpenWallet, txid: string): Promise<Original> {
    const place = wallet.view.placeOf(txid);
    if (place === undefined) throw denials.notBumpable(txid, "this wallet has no such transaction");
    if (place.height !== null) throw denials.notBumpable(txid, `it is confirmed, in block ${place.height}`);
    const transaction = await this.#unconfirmed(txid);
    const coins = transaction.inputs.flatMap((input) => ownCoin(wallet, spentOutpoint(input)) ?? []);
    if (coins.length < transaction.inputs.length) {
      const isCoinjoin = wallet.transactions.facts(txid)?.coinjoin !== undefined;
      const why = isCoinjoin
        ? "it is a coinjoin, which its other parties have signed too"
        : "not all of its coins are this wallet's";
      throw denials.notBumpable(txid, why);
    }
    if (!transaction.inputs.some(({ sequence }) => sequence < NOT_REPLACEABLE)) {
      throw denials.notBumpable(txid, "it was sent as one that will not be replaced (BIP125)");
    }
    const mixdepth = coins[0]?.key.path.mixdepth ?? 0;
    const outputs = transaction.outputs.map(({ scriptPubKey, amountSat }) => ({
      script: scriptPubKey,
      amountSat: Number(amountSat),
    }));
    const sweptTo = wasSweep(wallet, txid) && outputs.length === 1 ? outputs[0]?.script : undefined;
    const change =
      sweptTo === undefined ? outputs.find(({ script }) => isChange(wallet, script, mixdepth)) : undefined;
    return {
      txid,
      coins,
      mixdepth,
      payments: outputs.filter((output) => output !== change),
      sweptTo,
      changeScript: change?.script,
      feeSat: sumOf(coins) - sumOf(outputs),
      sizeVb: sizeVbOf(transaction),
    };
  }

  async #unconfirmed(txid: string): Promise<Transaction> {
    const { results } = await this.#mempool.transactions({ txids: [txid] });
    const [known] = results;
    if (known == null) throw denials.notBumpable(txid, "it is not waiting to be confirmed any more");
    // Replacing it would take them out too, and they would have to be paid for.
    if (known.descendants.count > 1)
      throw denials.notBumpable(txid, "a later unconfirmed transaction spends from it");
    let found: Transaction | undefined;
    await this.#parts.raw.fetch([txid], (_, transaction) => {
      found = transaction;
    });
    if (found === undefined) throw denials.notBumpable(txid, "it is not to be had at this moment");
    return found;
  }

  /** Asks nobody: it can be part of a decision. */
  #prepare(wallet: OpenWallet, original: Original, rates: Rates): Replacement {
    const { mixdepth, changeScript } = original;
    const changeKey = changeScript === undefined ? changeKeyOf(wallet, mixdepth) : undefined;
    const script = changeScript ?? changeKey?.scriptPubKey ?? new Uint8Array(0);
    const plan = planReplacement(wallet, original, { satPerKvb: rates.satPerKvb, changeScript: script });
    const oldRate = original.feeSat / original.sizeVb;
    const lowestSat = original.feeSat + feeOfSizeSat(plan.sizeVb, rates.incrementSatPerKvb);
    const satPerVb = plan.feeSat / plan.sizeVb;
    if (plan.feeSat < lowestSat || satPerVb <= oldRate) {
      const lowest = Math.max(lowestSat / plan.sizeVb, oldRate + rates.incrementSatPerKvb / 1_000);
      throw denials.fee(rounded(satPerVb), rounded(lowest), wallet.settings.feeMaxSatPerVb);
    }
    return {
      plan,
      draft: this.#parts.planner.draft(wallet, plan, script, true),
      newChangeKey: plan.changeSat > 0 ? changeKey : undefined,
      isSweep: original.sweptTo !== undefined,
    };
  }
}

/** A sweep pays less. Otherwise out of its change first; when that is not enough, by the largest confirmed coins of its mixdepth (BIP125 allows no others). */
function planReplacement(
  wallet: OpenWallet,
  { txid, coins, mixdepth, payments, sweptTo }: Original,
  given: { readonly satPerKvb: number; readonly changeScript: Uint8Array },
): Plan<BumpCoin> {
  if (sweptTo !== undefined) return planSweep(coins, sweptTo, given.satPerKvb);
  const spare = candidatesOf(wallet, { mixdepth, confirmationsMin: 1, isMixed: mixedIn(wallet) })
    .filter(({ outpoint }) => !coins.some((coin) => coin.outpoint === outpoint))
    .sort((a, b) => a.amountSat - b.amountSat);
  const chosen = [...coins];
  for (;;) {
    try {
      return planExact(chosen, payments, given);
    } catch (error) {
      if (!hasCode(error, "WALLETD_FUNDS")) throw error;
      const next = spare.pop();
      if (next === undefined) {
        throw denials.notBumpable(
          txid,
          "it has no change to pay more from, and its mixdepth has no other coin",
        );
      }
      chosen.push(next);
    }
  }
}

/** A coin of ours, spent or not, as its own transaction has it. */
function ownCoin({ transactions }: OpenWallet, outpoint: string): BumpCoin | undefined {
  const { txid, index } = outpointOf(outpoint);
  const own = transactions.facts(txid)?.ownOutputs.find((output) => output.index === index);
  if (own === undefined) return undefined;
  const { key, amountSat } = own;
  return { txid, index, outpoint, amountSat, key, kind: key.spending.kind, isMixed: false };
}

function wasSweep({ state }: OpenWallet, txid: string): boolean {
  return Object.values(state.signed).some((signed) => signed.txid === txid && signed.isSweep === true);
}

function mixdepthOf(wallet: OpenWallet, { inputs: [first] }: Transaction): number {
  return (first && ownCoin(wallet, spentOutpoint(first))?.key.path.mixdepth) ?? 0;
}

/** For people: a thousandth of a satoshi is as fine as feerates are set. */
function rounded(satPerVb: number): number {
  return Math.ceil(Number((satPerVb * 1_000).toFixed(3))) / 1_000;
}
