/** Sends: chooses, signs and writes down in one decision, so that no coin is promised twice, and only then tells the node. */
import { createHash } from "node:crypto";
import { bytesToHex, hexToBytes } from "../../../bitcoin/bytes.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import {
  parseTransaction,
  serializeTransaction,
  sizeVbOf,
  type Transaction,
  txidOf,
} from "../../../bitcoin/transaction.ts";
import type { WalletFee } from "../../../bus/contracts/walletd/values.ts";
import { INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-keys.ts";
import { type Clock, sleep } from "../../../runtime/clock.ts";
import { hasCode, TroupeError } from "../../../runtime/errors.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";
import type { Broadcast } from "./broadcast.ts";
import { type Candidate, candidatesOf, namedCoins, sweepable } from "./candidates.ts";
import { type DescribedTransaction, describeTransaction } from "./describe.ts";
import { type Draft, draftOf, signDraft } from "./draft.ts";
import type { Feerates } from "./feerates.ts";
import { checkDust, type Plan, planExact, planPayments, planSweep, sumOf } from "./plan.ts";

export interface SpendWish {
  readonly mixdepth: number;
  readonly payments: readonly { readonly address: string; readonly amountSat: number | null }[];
  readonly fee?: WalletFee | undefined;
  readonly inputs?: readonly { readonly txid: string; readonly index: number }[] | undefined;
  readonly confirmationsMin: number;
  readonly isReplaceable: boolean;
}

/** Who asks, and under which key: the same key never signs two transactions. */
export interface Asking {
  readonly caller: string;
  readonly key: string;
}

export interface Spent {
  readonly transaction: DescribedTransaction;
  readonly feeSat: number;
  readonly sizeVb: number;
  readonly satPerVb: number;
  readonly changeSat: number;
  readonly mixdepth: number;
  readonly isSent: boolean;
  readonly replaces: string | null;
}

export interface SenderParts {
  readonly config: WalletdConfig;
  readonly clock: Clock;
  readonly feerates: Feerates;
  readonly broadcast: Broadcast;
  readonly random: () => number;
}

interface Prepared {
  readonly plan: Plan<Candidate>;
  readonly draft: Draft<Candidate>;
  readonly changeKey: WalletKey;
}

/** A record of what was signed, as the store has it. */
interface SignedRecord {
  readonly txid: string;
  readonly rawTx: string;
  readonly inputsSat: readonly number[];
  readonly requestHash: string;
}

const DAY_MS = 86_400_000;
/** As long as a transaction may be on its way without the mempool having told of it. */
const UNSEEN_MS = 3_600_000;
const SEEN_GRACE_MS = 2_000;
const SEEN_LOOK_MS = 20;
const LIMIT = "send_sat_per_day";

export class Sender {
  readonly #parts: SenderParts;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  async dryRun(wallet: OpenWallet, wish: SpendWish): Promise<Spent> {
    const satPerKvb = await this.#rateOf(wallet, wish);
    const { plan, draft } = this.#prepare(wallet, wish, satPerKvb);
    const inputsSat = draft.coins.map(({ amountSat }) => amountSat);
    return {
      ...this.#told(wallet, draft.transaction, inputsSat, wish.mixdepth),
      sizeVb: plan.sizeVb,
      satPerVb: plan.feeSat / plan.sizeVb,
      isSent: false,
    };
  }

  async send(wallet: OpenWallet, wish: SpendWish, asking: Asking, label: string): Promise<Spent> {
    const request = hashOf([wallet.name, wish, label]);
    const id = hashOf([asking.caller, asking.key]).slice(0, 32);
    const known = this.#knownRecord(wallet, id, request);
    const record = known ?? (await this.#sign(wallet, wish, { ...asking, id, request }, label));
    await this.#deliver(wallet, id, record);
    const transaction = parseTransaction(hexToBytes(record.rawTx));
    return { ...this.#told(wallet, transaction, record.inputsSat, wish.mixdepth), isSent: true };
  }

  /** One decision: what is chosen here is set aside, signed and on the disk when this resolves. */
  async #sign(
    wallet: OpenWallet,
    wish: SpendWish,
    asking: Asking & { readonly id: string; readonly request: string },
    label: string,
  ): Promise<SignedRecord> {
    const satPerKvb = await this.#rateOf(wallet, wish);
    const { clock } = this.#parts;
    const record = await wallet.store.transact(() => {
      const { plan, draft, changeKey } = this.#prepare(wallet, wish, satPerKvb);
      const paidOutSat = plan.feeSat + this.#leaving(wallet, plan);
      if (asking.caller === "gateway") this.#checkLimit(wallet, paidOutSat);
      const transaction = signDraft(draft, wallet.keys);
      const txid = txidOf(transaction);
      const rawTx = bytesToHex(serializeTransaction(transaction));
      const inputsSat = draft.coins.map(({ amountSat }) => amountSat);
      const outpoints = draft.coins.map(({ outpoint }) => outpoint);
      const atMs = clock.now();
      const signed = {
        txid,
        purpose: asking.caller,
        inputs: outpoints,
        requestHash: asking.request,
        atMs,
        rawTx,
        inputsSat,
        paidOutSat,
      };
      const reservation = { owner: "send", purpose: "send", outpoints, untilMs: atMs + UNSEEN_MS };
      const changes: WalletChange[] = [
        { kind: "signed", key: asking.id, signed },
        { kind: "reserved", id: asking.id, reservation },
      ];
      if (plan.changeSat > 0) changes.push(issueOf(changeKey));
      if (label !== "") changes.push({ kind: "label", type: "tx", ref: txid, label });
      return { changes, result: { txid, rawTx, inputsSat, requestHash: asking.request } };
    });
    wallet.sync.issued();
    return record;
  }

  /** To the node, and until our own view has it: whoever asks for the balance next finds it spent. */
  async #deliver(wallet: OpenWallet, id: string, { txid, rawTx }: SignedRecord): Promise<void> {
    try {
      await this.#parts.broadcast.send(txid, rawTx);
    } catch (error) {
      if (hasCode(error, "WALLETD_NOT_TAKEN")) {
        await wallet.store.append(
          { kind: "signed", key: id, signed: null },
          { kind: "reserved", id, reservation: null },
        );
        wallet.touched();
      }
      throw error;
    }
    await this.#seen(wallet, parseTransaction(hexToBytes(rawTx)));
    await wallet.store.append({ kind: "reserved", id, reservation: null });
  }

  async #seen(wallet: OpenWallet, transaction: Transaction): Promise<void> {
    const txid = txidOf(transaction);
    wallet.sync.scriptsTouched([
      ...transaction.outputs.map(({ scriptPubKey }) => scriptHashOf(scriptPubKey)),
      ...[...wallet.view.coins.values()].map(({ key }) => key.scriptHash),
    ]);
    const { clock } = this.#parts;
    const untilMs = clock.monotonicMs() + SEEN_GRACE_MS;
    while (wallet.view.placeOf(txid) === undefined && clock.monotonicMs() < untilMs) {
      await sleep(clock, SEEN_LOOK_MS);
    }
  }

  #knownRecord(wallet: OpenWallet, id: string, request: string): SignedRecord | undefined {
    const signed = wallet.state.signed[id];
    if (signed === undefined) return undefined;
    if (signed.requestHash !== request || signed.rawTx === undefined || signed.inputsSat === undefined) {
      throw new TroupeError(
        { code: "BUS_CONFLICT" },
        "This key belongs to another transaction already. Take a new key for a new payment.",
      );
    }
    return { ...signed, rawTx: signed.rawTx, inputsSat: signed.inputsSat };
  }

  async #rateOf(wallet: OpenWallet, { fee }: SpendWish): Promise<number> {
    wallet.needKnown();
    // Whether a coin was mined, or mixed, its transaction says.
    await wallet.transactions.load();
    const { settings } = wallet;
    return await this.#parts.feerates.satPerKvb(fee ?? settings.fee, settings);
  }

  #prepare(wallet: OpenWallet, wish: SpendWish, satPerKvb: number): Prepared {
    wallet.needKnown();
    const { mixdepth } = wish;
    if (mixdepth >= wallet.mixdepths) throw denials.noSuchPlace(`mixdepth ${mixdepth}`);
    const branch = { mixdepth, chain: INTERNAL_CHAIN };
    const changeKey = wallet.book.at({ ...branch, index: wallet.freshIndex(branch) });
    const changeScript = changeKey.scriptPubKey;
    const plan = this.#plan(wallet, wish, { satPerKvb, changeScript });
    const draft = draftOf(plan, changeScript, {
      height: wallet.view.tip?.height ?? 0,
      isReplaceable: wish.isReplaceable,
      random: this.#parts.random,
    });
    return { plan, draft, changeKey };
  }

  #plan(
    wallet: OpenWallet,
    wish: SpendWish,
    given: { readonly satPerKvb: number; readonly changeScript: Uint8Array },
  ): Plan<Candidate> {
    const { mixdepth, confirmationsMin, payments, inputs } = wish;
    const rules = {
      mixdepth,
      confirmationsMin,
      isMixed: (coin: StandingCoin) => wallet.transactions.roleOf(coin) === "coinjoin-output",
    };
    const named = inputs === undefined ? undefined : namedCoins(wallet, inputs, rules);
    const outputs = payments.map(({ address, amountSat }) => ({
      script: scriptFor(address, wallet),
      amountSat,
    }));
    const [first] = outputs;
    if (first !== undefined && outputs.length === 1 && first.amountSat === null) {
      return planSweep(named ?? sweepable(wallet, rules), first.script, given.satPerKvb);
    }
    const fixed = outputs.map(({ script, amountSat }) => ({ script, amountSat: amountSat ?? 0 }));
    for (const output of fixed) checkDust(output);
    if (named !== undefined) return planExact(named, fixed, given);
    return planPayments(candidatesOf(wallet, rules), fixed, {
      ...given,
      algorithm: wallet.settings.mergeAlgorithm,
      keepsDepositsApart: this.#parts.config.deposits_apart && mixdepth === 0,
      random: this.#parts.random,
    });
  }

  /** What goes to others. */
  #leaving(wallet: OpenWallet, { payments }: Plan<Candidate>): number {
    return sumOf(payments.filter(({ script }) => wallet.book.find(scriptHashOf(script)) === undefined));
  }

  #checkLimit(wallet: OpenWallet, askedSat: number): void {
    const { send_sat_per_day: limitSat } = this.#parts.config;
    if (limitSat === 0) return;
    const sinceMs = this.#parts.clock.now() - DAY_MS;
    const usedSat = Object.values(wallet.state.signed)
      .filter(({ purpose, atMs }) => purpose === "gateway" && atMs > sinceMs)
      .reduce((sum, { paidOutSat = 0 }) => sum + paidOutSat, 0);
    const leftSat = Math.max(0, limitSat - usedSat);
    if (askedSat > leftSat) throw denials.limit(LIMIT, askedSat, leftSat);
  }

  #told(wallet: OpenWallet, transaction: Transaction, inputsSat: readonly number[], mixdepth: number) {
    const sizeVb = sizeVbOf(transaction);
    const described = describeTransaction(transaction, inputsSat, wallet);
    const outSat = sumOf(described.outputs);
    const feeSat = inputsSat.reduce((sum, sat) => sum + sat, 0) - outSat;
    const changeSat = sumOf(described.outputs.filter((output) => isChange(wallet, output.script, mixdepth)));
    return {
      transaction: described,
      feeSat,
      sizeVb,
      satPerVb: feeSat / sizeVb,
      changeSat,
      mixdepth,
      replaces: null,
    };
  }
}

export function issueOf({ path: { mixdepth, chain, index } }: WalletKey): WalletChange {
  return { kind: "address.issued", mixdepth, chain, nextIndex: index + 1 };
}

function isChange(wallet: OpenWallet, scriptHex: string, mixdepth: number): boolean {
  const key = wallet.book.find(scriptHashOf(hexToBytes(scriptHex)));
  return key !== undefined && key.path.chain === INTERNAL_CHAIN && key.path.mixdepth === mixdepth;
}

export function scriptFor(address: string, { network }: OpenWallet): Uint8Array {
  try {
    return scriptOfAddress(address, network);
  } catch (error) {
    if (!hasCode(error, "BITCOIN_BAD_ADDRESS")) throw error;
    throw denials.address(address);
  }
}

function hashOf(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
