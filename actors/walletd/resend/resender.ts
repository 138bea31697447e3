/** Keeps our unconfirmed transactions on the network: whoever has lost them, our node above all, gets them again. */
import { type Clock, sleep } from "../../../runtime/clock.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { WalletdMetrics } from "../metrics.ts";
import type { Broadcast } from "../spend/broadcast.ts";
import type { Delivery } from "../spend/delivery.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { Pace } from "./pace.ts";
import { currentOf, isSendable, type SignedRecord, standstillOf } from "./pending.ts";
import { keepSeen } from "./seen.ts";
import type { Finder, Whereabouts } from "./whereabouts.ts";

export interface ResenderParts {
  readonly open: () => Iterable<OpenWallet>;
  readonly finder: Finder;
  readonly broadcast: Broadcast;
  readonly delivery: Pick<Delivery, "isUnderway">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: Pick<WalletdMetrics, "resent">;
}

/** One of a wallet that was open at some time since we began: what is public of it may go on while the wallet is locked. */
interface Pending {
  readonly wallet: string;
  readonly key: string;
  readonly record: SignedRecord & { readonly rawTx: string };
  readonly pace: Pace;
}

/** News of what is pending comes at once; this is for news that was lost. */
const LOOK_MS = 60_000;
/** News of one block or one restart comes in many pieces. */
const GATHER_MS = 500;

export class Resender {
  readonly #parts: ResenderParts;
  readonly #stopping = new AbortController();
  readonly #toStampMs: number;
  #pending = new Map<string, Pending>();
  #wake: () => void = () => {};
  #isPoked = false;
  #running: Promise<void> | undefined;

  constructor(parts: ResenderParts) {
    this.#parts = parts;
    this.#toStampMs = parts.clock.now() - parts.clock.monotonicMs();
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("walletd stops"));
    this.#wake();
    await this.#running;
  }

  /** Something may have left the network, or come to it. */
  changed(wallet: OpenWallet): void {
    this.#poke();
    keepSeen(wallet).catch((error) => this.#away(error));
  }

  #poke(): void {
    this.#isPoked = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        this.#away(error);
      }
      await this.#nextLook();
    }
  }

  /** Index, mempool or node are away, or a wallet was locked in between: the next look tells. */
  #away(error: unknown): void {
    this.#parts.log.debug("what is unconfirmed is not looked after now", { code: toWireError(error).code });
  }

  async #nextLook(): Promise<void> {
    const { clock } = this.#parts;
    const nextMs = Math.min(...[...this.#pending.values()].map(({ pace }) => pace.dueMs));
    await this.#pokedWithin(Math.min(LOOK_MS, Math.max(0, nextMs - clock.monotonicMs())));
    await sleep(clock, GATHER_MS, this.#stopping.signal).catch(() => {}); // only a stop ends it early
    this.#isPoked = false;
  }

  #pokedWithin(waitMs: number): Promise<void> {
    if (this.#isPoked || this.#stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#parts.clock.after(waitMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async #look(): Promise<void> {
    await this.#gather();
    const all = [...this.#pending.values()];
    if (all.length === 0) return;
    const found = await this.#parts.finder.find(
      all.map(({ record }) => record),
      this.#stopping.signal,
    );
    if (found === undefined) return;
    const missing = new Set(all.flatMap(({ record }, at) => (found[at] === "missing" ? [record.txid] : [])));
    for (const [at, pending] of all.entries()) {
      const where = found[at] ?? "rivalled";
      await this.#judge(pending, where);
      if (where === "confirmed") this.#pending.delete(idOf(pending));
      const isDue = pending.pace.isDue(where, this.#parts.clock.monotonicMs());
      if (!isDue) continue;
      const isOrphan = pending.record.inputs.some((outpoint) => missing.has(outpoint.slice(0, 64)));
      // The node would refuse it: its parent comes first.
      if (isOrphan) pending.pace.again();
      else await this.#send(pending, where);
    }
  }

  /** Of the open wallets all that no block has; what is known of the others stays. */
  async #gather(): Promise<void> {
    const { open, random } = this.#parts;
    for (const wallet of open()) {
      if (!wallet.sync.isKnown) continue;
      await keepSeen(wallet);
      const before = this.#pending;
      this.#pending = new Map([...before].filter(([, pending]) => pending.wallet !== wallet.name));
      for (const [key, record] of currentOf(wallet.state.signed)) {
        const isConfirmed = (wallet.view.placeOf(record.txid)?.height ?? null) !== null;
        if (isConfirmed || !isSendable(record)) continue;
        const id = idOf({ wallet: wallet.name, key });
        const pace = before.get(id)?.pace ?? new Pace({ random, isLate: record.isLate === true });
        this.#pending.set(id, { wallet: wallet.name, key, record, pace });
      }
    }
  }

  /** Its owner is told when it can never confirm, and again when it can after all. */
  async #judge({ wallet, key, record }: Pending, where: Whereabouts): Promise<void> {
    const txid = typeof where === "object" ? where.conflict : undefined;
    if (txid === record.conflict?.txid) return;
    const open = this.#openWallet(wallet);
    if (open === undefined) return;
    await open.store.transact(({ signed }) => {
      const now = Object.hasOwn(signed, key) ? signed[key] : undefined;
      if (now === undefined || now.txid !== record.txid) return { changes: [], result: undefined };
      const { conflict: _, ...rest } = now;
      const conflict = txid === undefined ? {} : { conflict: { txid, atMs: open.nowMs } };
      const change: WalletChange = { kind: "signed", key, signed: { ...rest, ...conflict } };
      return { changes: [change], result: undefined };
    });
    if (txid !== undefined) {
      this.#parts.log.info("a transaction of ours can no more confirm: one of its coins was spent elsewhere");
    }
    open.touched();
  }

  async #send({ wallet, key, record, pace }: Pending, where: Whereabouts): Promise<void> {
    const { broadcast, delivery, clock, log, metrics } = this.#parts;
    const open = this.#openWallet(wallet);
    const isGone = open !== undefined && open.state.signed[key]?.txid !== record.txid;
    const isLost = standstillOf(record, clock.monotonicMs() + this.#toStampMs) === "lost";
    if (isGone || delivery.isUnderway(record.txid) || (where === "missing" && !isLost)) return pace.again();
    try {
      await broadcast.send(record.txid, record.rawTx, this.#stopping.signal);
      pace.again();
      metrics.resent(where === "missing" ? "lost" : "waiting");
      if (where === "missing") log.info("the node had lost a transaction of ours and has it again");
    } catch (error) {
      if (hasCode(error, "WALLETD_NOT_TAKEN")) pace.refused(clock.monotonicMs());
      else pace.again();
      log.info("a transaction of ours was not taken again", { code: toWireError(error).code });
    }
    this.#poke();
  }

  #openWallet(name: string): OpenWallet | undefined {
    for (const wallet of this.#parts.open()) if (wallet.name === name) return wallet;
    return undefined;
  }
}

function idOf({ wallet, key }: Pick<Pending, "wallet" | "key">): string {
  return `${wallet} ${key}`;
}
