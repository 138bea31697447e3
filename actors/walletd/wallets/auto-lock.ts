/** Locks wallets that nobody has used for so long, unless a maker or a taker may use them. */
import type { Clock, Timer } from "../../../runtime/clock.ts";
import type { Grants } from "../sign/grants.ts";
import type { OpenWallet } from "./open-wallet.ts";
import type { WalletRack } from "./rack.ts";

export interface AutoLockParts {
  readonly rack: WalletRack;
  readonly grants: Grants;
  readonly clock: Clock;
  /** 0 never. */
  readonly afterMinutes: number;
  readonly onTrouble: (error: unknown) => void;
}

/** A wallet may stay open for so much longer than it should. */
const LOOK_MS = 10_000;

export class AutoLock {
  readonly #parts: AutoLockParts;
  #timer: Timer | undefined;

  constructor(parts: AutoLockParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#parts.afterMinutes === 0) return;
    this.#timer = this.#parts.clock.after(LOOK_MS, () => this.#look(), { background: true });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const { rack, onTrouble } = this.#parts;
    for (const wallet of [...rack.wallets()].filter((open) => this.#isIdle(open))) {
      // Whoever was faster keeps it open.
      rack.lock(wallet.name, "idle", (open) => this.#isIdle(open)).catch(onTrouble);
    }
    this.start();
  }

  #isIdle(wallet: OpenWallet): boolean {
    const { grants, afterMinutes } = this.#parts;
    return wallet.idleMs >= afterMinutes * 60_000 && grants.of(wallet.name).length === 0;
  }
}
