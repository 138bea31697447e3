/** Brings a signed transaction to the node, and waits until our own view has it. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { parseTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import { type Clock, sleep } from "../../../runtime/clock.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import { spentOutpoint } from "../coins/script-facts.ts";
import { denials } from "../denials.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import type { Broadcast } from "./broadcast.ts";
import type { SignedRecord } from "./signed-record.ts";

const SEEN_GRACE_MS = 2_000;
const SEEN_LOOK_MS = 20;

export class Delivery {
  readonly #broadcast: Broadcast;
  readonly #clock: Clock;
  /** By txid, how many bring it to the node at this moment. */
  readonly #underway = new Map<string, number>();

  constructor(broadcast: Broadcast, clock: Clock) {
    this.#broadcast = broadcast;
    this.#clock = clock;
  }

  /** While its asker waits for the node's word, nobody else sends it. */
  isUnderway(txid: string): boolean {
    return this.#underway.has(txid);
  }

  async deliver(wallet: OpenWallet, id: string, sent: Pick<SignedRecord, "txid" | "rawTx">): Promise<void> {
    const { txid } = sent;
    this.#underway.set(txid, (this.#underway.get(txid) ?? 0) + 1);
    try {
      await this.#bring(wallet, id, sent);
    } finally {
      const others = (this.#underway.get(txid) ?? 1) - 1;
      if (others > 0) this.#underway.set(txid, others);
      else this.#underway.delete(txid);
    }
  }

  /** It has just been signed: nobody can have it before it is delivered. */
  justSigned({ txid }: Pick<SignedRecord, "txid">): void {
    this.#broadcast.justSigned(txid);
  }

  /**
   * Whoever asks for the balance next finds it spent. What the node refuses is struck out, and its coins are free again, unless
   * an earlier attempt may have reached the network: then it may still be mined, and must not be paid once more.
   */
  async #bring(
    wallet: OpenWallet,
    id: string,
    { txid, rawTx }: Pick<SignedRecord, "txid" | "rawTx">,
  ): Promise<void> {
    try {
      await this.#broadcast.send(txid, rawTx);
    } catch (error) {
      if (!hasCode(error, "WALLETD_NOT_TAKEN")) throw error;
      // The node refuses also what has been mined and spent since.
      if (wallet.view.placeOf(txid) === undefined) {
        const { reason } = toWireError(error).data;
        if (this.#broadcast.mayBeOut(txid)) {
          throw denials.notKnownSent(txid, `the node had it perhaps before, and refuses it now: ${reason}`);
        }
        await wallet.store.append(
          { kind: "signed", key: id, signed: null },
          { kind: "reserved", id, reservation: null },
        );
        wallet.touched();
        throw error;
      }
    }
    // Until our view has it only the reservation keeps its coins from being spent again, by what would replace it.
    if (!(await this.#isSeen(wallet, parseTransaction(hexToBytes(rawTx))))) return;
    await wallet.store.append({ kind: "reserved", id, reservation: null });
  }

  async #isSeen(wallet: OpenWallet, transaction: Transaction): Promise<boolean> {
    const txid = txidOf(transaction);
    wallet.sync.scriptsTouched([
      ...transaction.outputs.map(({ scriptPubKey }) => scriptHashOf(scriptPubKey)),
      ...transaction.inputs.flatMap(
        (input) => wallet.view.coins.get(spentOutpoint(input))?.key.scriptHash ?? [],
      ),
    ]);
    const untilMs = this.#clock.monotonicMs() + SEEN_GRACE_MS;
    while (wallet.view.placeOf(txid) === undefined && this.#clock.monotonicMs() < untilMs) {
      await sleep(this.#clock, SEEN_LOOK_MS);
    }
    return wallet.view.placeOf(txid) !== undefined;
  }
}
