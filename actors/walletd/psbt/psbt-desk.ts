/** PSBTs of an open wallet: made, shown, signed, finished. What comes back from others is judged anew at every step. */
import { bytesToHex, txidFromBytes } from "../../../bitcoin/bytes.ts";
import { bitcoinReason } from "../../../bitcoin/errors.ts";
import { Psbt } from "../../../bitcoin/psbt/psbt.ts";
import { signInputs } from "../../../bitcoin/signing/inputs.ts";
import {
  parseTransaction,
  serializeTransaction,
  type Transaction,
  txidOf,
} from "../../../bitcoin/transaction.ts";
import type { RawTransactions } from "../../../bus/chain/raw-transactions.ts";
import { outpointOf } from "../coins/script-facts.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { WalletdMetrics } from "../metrics.ts";
import type { Bumper, BumpWish, Preparation } from "../spend/bumper.ts";
import { checkDailyLimit } from "../spend/daily-limit.ts";
import type { Delivery } from "../spend/delivery.ts";
import { inputKeyOf } from "../spend/draft.ts";
import { isSweep, type Planner, type SpendWish } from "../spend/planner.ts";
import { issueOf, UNSEEN_MS } from "../spend/signed-record.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { factsOf, psbtOf } from "./making.ts";
import { type PsbtView, refusalOf, sizeOf, viewOf } from "./psbt-view.ts";
import { knownCoins, type Sight, sightOf } from "./sight.ts";
import { recordsOf } from "./wallet-records.ts";

export interface PsbtDeskParts {
  readonly config: WalletdConfig;
  readonly planner: Planner;
  readonly bumper: Bumper;
  readonly delivery: Delivery;
  readonly raw: RawTransactions;
  readonly metrics: Pick<WalletdMetrics, "signed">;
}

/** The owner of a reservation that is for a PSBT. */
const PSBT = "psbt";
const RESERVED_MS = UNSEEN_MS;
const ID_DIGITS = 32;

export class PsbtDesk {
  readonly #parts: PsbtDeskParts;

  constructor(parts: PsbtDeskParts) {
    this.#parts = parts;
  }

  async create(wallet: OpenWallet, wish: SpendWish, version: 0 | 2) {
    const { planner } = this.#parts;
    const satPerKvb = await planner.rateOf(wallet, wish.fee);
    return this.#make(wallet, version, () => {
      const { plan, draft, changeKey } = planner.prepare(wallet, wish, satPerKvb);
      const newChangeKey = plan.changeSat > 0 ? changeKey : undefined;
      return { plan, draft, newChangeKey, isSweep: isSweep(wish) };
    });
  }

  /** Instead of a payment that waits to be confirmed: one that pays the miners more. */
  async replace(wallet: OpenWallet, wish: BumpWish, version: 0 | 2) {
    return this.#make(wallet, version, await this.#parts.bumper.preparation(wallet, wish));
  }

  async #make(wallet: OpenWallet, version: 0 | 2, prepare: Preparation) {
    const { raw } = this.#parts;
    const { plan, draft, id } = await wallet.store.transact(() => {
      const { plan, draft, newChangeKey, isSweep } = prepare();
      const id = idOf(draft.transaction);
      const outpoints = draft.coins.map(({ outpoint }) => outpoint);
      const changes: WalletChange[] = [
        reservedFor(id, outpoints, wallet.nowMs),
        { kind: "psbt", id, psbt: { outpoints, atMs: wallet.nowMs, ...(isSweep && { isSweep }) } },
      ];
      if (newChangeKey !== undefined) changes.push(issueOf(newChangeKey));
      return { changes, result: { plan, draft, id } };
    });
    wallet.sync.issued();
    wallet.touched();
    try {
      const psbt = await psbtOf(wallet, draft, raw);
      return {
        psbt: psbt.toBase64(version),
        txid: txidOf(draft.transaction),
        feeSat: plan.feeSat,
        sizeVb: plan.sizeVb,
        changeSat: plan.changeSat,
      };
    } catch (error) {
      await wallet.store.append(...forgotten(id));
      wallet.touched();
      throw error;
    }
  }

  show(wallet: OpenWallet, text: string): PsbtView {
    const psbt = parse(text);
    const id = idOf(psbt.transaction);
    const sight = sightIn(wallet, psbt, id);
    const { network, keys } = wallet;
    const facts = { network, isFromHere: isFromHere(wallet, id), canSign: keys.canSign };
    return readable(() => viewOf(psbt, sight, facts));
  }

  /** All inputs that are ours, or none. */
  async sign(wallet: OpenWallet, text: string, caller: string) {
    wallet.needKeys();
    const psbt = parse(text);
    const id = idOf(psbt.transaction);
    const txid = txidOf(psbt.transaction);
    const result = await wallet.store.transact((state) => {
      const sight = sightIn(wallet, psbt, id);
      needGood(sight, wallet);
      this.#needSaneFee(wallet, psbt.transaction, sight);
      const before = Object.hasOwn(state.signed, id) ? state.signed[id] : undefined;
      if (before === undefined)
        checkDailyLimit(wallet, this.#parts.config, { caller, sat: sight.paysOutSat });
      const signed = signOwn(wallet, psbt, sight);
      const outpoints = ownOutpoints(sight);
      const changes: WalletChange[] = [reservedFor(id, outpoints, wallet.nowMs)];
      if (before === undefined) {
        this.#parts.metrics.signed("psbt");
        changes.push({
          kind: "signed",
          key: id,
          signed: {
            txid,
            purpose: caller,
            inputs: outpoints,
            requestHash: id,
            atMs: wallet.nowMs,
            paidOutSat: sight.paysOutSat,
          },
        });
      }
      return { changes, result: { signed, sight } };
    });
    wallet.touched();
    const { sight, signed } = result;
    const { unsignedInputs } = psbt.finish(knownCoins(sight));
    const { paysOutSat, feeSat = null } = sight;
    return {
      psbt: psbt.toBase64(),
      txid,
      signed,
      isComplete: unsignedInputs.length === 0,
      paysOutSat,
      feeSat,
    };
  }

  async finish(
    wallet: OpenWallet,
    answer: { readonly psbt?: string | undefined; readonly signedTx?: string | undefined },
    { caller, isSent }: { readonly caller: string; readonly isSent: boolean },
  ) {
    const psbt = answerOf(answer);
    const id = idOf(psbt.transaction);
    needFromHere(wallet, psbt.transaction, id);
    const sight = sightIn(wallet, psbt, id);
    needUntroubled(sight);
    needOwn(wallet, sight, id);
    const { transaction, unsignedInputs } = readable(() => psbt.finish(knownCoins(sight)));
    const [lacking] = unsignedInputs;
    if (lacking !== undefined) {
      throw denials.psbt(
        `input ${lacking} has no signature that holds for its coin and for this transaction`,
      );
    }
    const txid = txidOf(transaction);
    const rawTx = bytesToHex(serializeTransaction(transaction));
    const { paysOutSat, feeSat = null } = sight;
    if (isSent) {
      await this.#writeDown(wallet, sight, { id, txid, rawTx, caller });
      await this.#parts.delivery.deliver(wallet, id, { txid, rawTx });
    }
    return { rawTx, txid, isSent, paysOutSat, feeSat };
  }

  async cancel(wallet: OpenWallet, txid: string): Promise<{ wasReserved: boolean }> {
    const id = txid.slice(0, ID_DIGITS);
    const wasReserved = await wallet.store.transact((state) => {
      const reservation = Object.hasOwn(state.reservations, id) ? state.reservations[id] : undefined;
      const isOurs = reservation?.owner === PSBT;
      const isKnown = isOurs || Object.hasOwn(state.psbts, id);
      return {
        changes: isKnown ? forgotten(id) : [],
        result: isOurs && reservation.untilMs > wallet.nowMs,
      };
    });
    wallet.touched();
    return { wasReserved };
  }

  /** What is sent is on the disk before it is sent, and counts once, when it was signed or now. */
  #writeDown(
    wallet: OpenWallet,
    sight: Sight,
    sent: { readonly id: string; readonly txid: string; readonly rawTx: string; readonly caller: string },
  ): Promise<void> {
    const { id, txid, rawTx, caller } = sent;
    return wallet.store.transact((state) => {
      const before = Object.hasOwn(state.signed, id) ? state.signed[id] : undefined;
      const { paysOutSat } = sight;
      if (before === undefined) checkDailyLimit(wallet, this.#parts.config, { caller, sat: paysOutSat });
      const outpoints = ownOutpoints(sight);
      const signed = {
        purpose: caller,
        inputs: outpoints,
        requestHash: id,
        atMs: wallet.nowMs,
        paidOutSat: paysOutSat,
        ...(state.psbts[id]?.isSweep === true && { isSweep: true }),
        ...before,
        txid,
        rawTx,
      };
      if (before?.rawTx === undefined) this.#parts.delivery.justSigned({ txid });
      return {
        changes: [{ kind: "signed", key: id, signed }, reservedFor(id, outpoints, wallet.nowMs)],
        result: undefined,
      };
    });
  }

  #needSaneFee({ settings }: OpenWallet, transaction: Transaction, sight: Sight): void {
    if (sight.feeSat === undefined) return;
    const satPerVb = sight.feeSat / sizeOf(transaction, sight, false);
    if (satPerVb > settings.feeMaxSatPerVb) throw denials.fee(satPerVb, 0, settings.feeMaxSatPerVb);
  }
}

/** Of the transaction without signatures, whatever is signed of it. */
function idOf(transaction: Transaction): string {
  return txidOf(transaction).slice(0, ID_DIGITS);
}

function sightIn(wallet: OpenWallet, psbt: Psbt, id: string): Sight {
  return readable(() => sightOf(psbt, recordsOf(wallet, id, psbt.transaction)));
}

function reservedFor(id: string, outpoints: readonly string[], nowMs: number): WalletChange {
  const reservation = { owner: PSBT, purpose: PSBT, outpoints: [...outpoints], untilMs: nowMs + RESERVED_MS };
  return { kind: "reserved", id, reservation };
}

function ownOutpoints({ inputs }: Sight): string[] {
  return inputs.filter(({ key }) => key !== undefined).map(({ outpoint }) => outpoint);
}

function forgotten(id: string): WalletChange[] {
  return [
    { kind: "reserved", id, reservation: null },
    { kind: "psbt", id, psbt: null },
  ];
}

function isFromHere({ state }: OpenWallet, id: string): boolean {
  return Object.hasOwn(state.psbts, id) || Object.hasOwn(state.signed, id);
}

/** The id is of outputs, amounts, coins and locktime: whatever is different in one of them is another transaction. */
function needFromHere(wallet: OpenWallet, transaction: Transaction, id: string): void {
  if (isFromHere(wallet, id)) return;
  const spends = new Set(
    transaction.inputs.map(
      ({ previousTxidBytes, previousIndex }) => `${txidFromBytes(previousTxidBytes)}:${previousIndex}`,
    ),
  );
  const isChanged = Object.values(wallet.state.psbts).some(({ outpoints }) =>
    outpoints.some((outpoint) => spends.has(outpoint)),
  );
  throw denials.psbt(
    isChanged
      ? "it spends coins of a PSBT that was made here, but its payments, its fee or its coins are not the same"
      : "this wallet has neither made nor signed it",
  );
}

function needGood(sight: Sight, { keys }: OpenWallet): void {
  const refusal = refusalOf(sight, keys.canSign);
  if (sight.refusal !== undefined) throw denials.psbt(sight.refusal);
  needUntroubled(sight);
  if (refusal !== null) throw denials.psbt(refusal);
}

function needUntroubled({ inputs }: Sight): void {
  for (const [at, { txid, index, trouble }] of inputs.entries()) {
    if (trouble === "not-proven") {
      throw denials.psbt(
        `nothing proves what the coin of input ${at} is worth: it must hold the whole transaction that made it`,
      );
    }
    if (trouble !== undefined) throw denials.coin({ txid, index }, trouble);
  }
}

/** What was set aside or signed under this id must be there still, and be known: else nobody could check its signatures. */
function needOwn({ state }: OpenWallet, sight: Sight, id: string): void {
  const own = new Set(ownOutpoints(sight));
  const promised = state.signed[id]?.inputs ?? state.psbts[id]?.outpoints ?? [];
  const missing = promised.find((outpoint) => !own.has(outpoint));
  if (missing === undefined) return;
  throw denials.coin(outpointOf(missing), "spent");
}

function signOwn(wallet: OpenWallet, psbt: Psbt, { inputs }: Sight): number[] {
  const keys = inputs.flatMap(({ key, amountSat, txid, index }, at) =>
    key === undefined || amountSat === undefined || psbt.isFinal(at)
      ? []
      : [inputKeyOf({ key, amountSat, txid, index }, at, wallet.keys)],
  );
  try {
    return readable(() => {
      const signed = signInputs(psbt.transaction, keys);
      for (const { index, spent } of keys) {
        const key = inputs[index]?.key;
        if (key !== undefined) psbt.tell(index, { spent, ...factsOf(wallet, key) });
      }
      psbt.addSignatures(signed);
      return signed.map(({ index }) => index);
    });
  } finally {
    for (const { privateKey } of keys) privateKey.fill(0);
  }
}

function parse(text: string): Psbt {
  return readable(() => Psbt.parseBase64(text));
}

function answerOf({ psbt, signedTx }: { psbt?: string | undefined; signedTx?: string | undefined }): Psbt {
  if (psbt !== undefined && signedTx === undefined) return parse(psbt);
  if (signedTx === undefined || psbt !== undefined) {
    throw denials.psbt("either a PSBT or a whole transaction is needed, and not both");
  }
  return readable(() => Psbt.ofSigned(parseTransaction(Buffer.from(signedTx, "base64"))));
}

/** What was written by others and breaks the format is refused as such, with the reason. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = bitcoinReason(error);
    if (reason === undefined) throw error;
    throw denials.psbt(reason);
  }
}
