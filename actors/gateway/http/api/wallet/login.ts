/** The wallet that clients have opened through this door, one at a time, and the tokens that stand for it. */
import type { Client } from "../../../../../bus/bus.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { hasCode, toWireError } from "../../../../../runtime/errors.ts";
import { Gate } from "../../../../../runtime/limits.ts";
import type { Log } from "../../../../../runtime/log/log.ts";
import type { Diary } from "../jam/diary.ts";
import type { TokenFault, TokenPair, TokenPairs } from "../tokens/token-pairs.ts";
import { tokenRefusal } from "../wire/refusal.ts";

export interface OpenWallet {
  readonly name: string;
  /** What walletd wants to see with every question. */
  readonly session: string;
}

export interface LoginOptions {
  readonly walletd: Client<typeof walletdContract>;
  readonly tokens: TokenPairs;
  readonly diary: Diary;
  readonly log: Log;
}

/** Openings that wait for their turn: each takes a second of somebody's processor. */
const WAITING_MAX = 16;

export class Login {
  readonly #options: LoginOptions;
  readonly #turn = new Gate({ concurrency: 1, waitingMax: WAITING_MAX, name: "the queue of openings" });
  #open: OpenWallet | undefined;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  get open(): OpenWallet | undefined {
    return this.#open;
  }

  /** The open wallet, for whoever shows a good access token; throws the refusal of a bad one. */
  authorize(token: string | undefined): OpenWallet {
    const fault = token === undefined ? "invalid" : this.faultOf(token);
    if (fault !== undefined || this.#open === undefined) throw tokenRefusal(fault ?? "invalid");
    return this.#open;
  }

  faultOf(token: string): TokenFault | undefined {
    return this.#options.tokens.faultOf(token);
  }

  refresh(accessToken: string, refreshToken: string): TokenPair | undefined {
    return this.#options.tokens.refresh(accessToken, refreshToken);
  }

  /** One opening, making or closing after the other. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.#turn.run(task);
  }

  /** Walletd has opened this one: the tokens of any other die, and it is closed. */
  async opened(wallet: OpenWallet): Promise<TokenPair> {
    const former = this.#open;
    this.#open = wallet;
    this.#options.diary.begin(wallet.name);
    const pair = this.#options.tokens.issue(wallet.name);
    if (former !== undefined && former.name !== wallet.name) await this.#leave(former);
    return pair;
  }

  /** This wallet is closed; nothing happens when it is not ours. */
  closed(name: string): void {
    if (this.#open?.name !== name) return;
    this.#open = undefined;
    this.#options.diary.note("the wallet was locked");
    this.#options.tokens.reset();
  }

  /** Somebody has locked this wallet. The news of it may come when it has been opened again: what holds is asked. */
  async locked(name: string): Promise<void> {
    const open = this.#open;
    if (open?.name !== name) return;
    const { walletd, log } = this.#options;
    try {
      await walletd.status({ wallet: name, session: open.session });
    } catch (error) {
      if (hasCode(error, "WALLETD_NO_SESSION")) return this.lost(open);
      // Whoever asks for the session next finds out.
      log.debug("whether the wallet is still open is not known", { code: toWireError(error).code });
    }
  }

  /** Walletd does not know this session any more; a newer one may be good. */
  lost({ name, session }: OpenWallet): void {
    if (this.#open?.session === session) this.closed(name);
  }

  async #leave({ name, session }: OpenWallet): Promise<void> {
    const { walletd, log } = this.#options;
    try {
      await walletd.lock({ wallet: name, session });
    } catch (error) {
      // It stays open in walletd until that one locks it by itself; through this door nobody reaches it.
      log.warn("the wallet that was open before could not be locked", { code: toWireError(error).code });
    }
  }
}
