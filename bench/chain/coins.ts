/** The made-up chain's unspent outputs, and who owns them: most owners are new, some are met again and again. */
import type { Randomness } from "./randomness.ts";

export interface Coin {
  readonly txid: Uint8Array;
  readonly index: number;
  readonly owner: number;
  readonly amountSat: number;
}

/** Three quarters of outputs go to a script never seen before. */
const NEW_OWNER_SHARE = 0.75;
/** Among the others the few oldest get most: with some million owners the first has tens of thousands of payments. */
const FAVOUR = 6;
/** Most coins are spent young. */
const YOUTH = 4;

export class Coins {
  readonly #random: Randomness;
  readonly #coins: Coin[] = [];
  readonly #noted: Omit<Coin, "txid">[] = [];
  #owners = 1;
  lastOwner = 0;

  constructor(random: Randomness) {
    this.#random = random;
  }

  get count(): number {
    return this.#coins.length;
  }

  drawOwner(): number {
    const isNew = this.#random.fraction() < NEW_OWNER_SHARE;
    this.lastOwner = isNew ? this.#owners++ : Math.floor(this.#owners * this.#random.fraction() ** FAVOUR);
    return this.lastOwner;
  }

  take(): Coin {
    const coins = this.#coins;
    const place = coins.length - 1 - Math.floor(coins.length * this.#random.fraction() ** YOUTH);
    const coin = coins[place] as Coin;
    const last = coins.pop() as Coin;
    if (place < coins.length) coins[place] = last;
    return coin;
  }

  /** An output of the transaction being made; it can be spent once the transaction has its id. */
  note(index: number, owner: number, amountSat: number): void {
    this.#noted.push({ index, owner, amountSat });
  }

  settle(txid: Uint8Array): void {
    for (const { index, owner, amountSat } of this.#noted)
      this.#coins.push({ txid, index, owner, amountSat });
    this.#noted.length = 0;
  }
}
