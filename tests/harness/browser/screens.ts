/** What a person does and sees in a wallet for browsers: JAM itself, or a page of ours that makes the same calls. */

export interface Payment {
  readonly jar: number;
  readonly destination: string;
  /** Nothing sweeps the jar. */
  readonly amountSat?: number;
}

export interface JointPayment extends Payment {
  readonly makers: number;
}

export interface JarView {
  readonly availableSat: number;
  /** Frozen or locked. */
  readonly frozenSat: number;
}

/** Every answer is what stands on the screen. */
export interface Screens {
  /** Comes as a person does who types the address. */
  open(): Promise<void>;
  reload(): Promise<void>;
  /** Makes a wallet, writes its words down, proves it, and stands before the empty wallet. */
  create(name: string, password: string): Promise<string[]>;
  recover(name: string, password: string, words: readonly string[]): Promise<void>;
  /** The names on the list of wallets, each with its state, such as `savings Locked`. */
  wallets(): Promise<string[]>;
  unlock(name: string, password: string): Promise<void>;
  /** Tries, and reads what is said against it. */
  refusedUnlock(name: string, password: string): Promise<string>;
  lock(): Promise<void>;
  balanceSat(): Promise<number>;
  jars(): Promise<JarView[]>;
  newAddress(jar: number): Promise<string>;
  /** The addresses that the details of a jar list, the first ones. */
  addresses(jar: number): Promise<string[]>;
  /** Freezes the only coin of a jar, or lets it be spent again. */
  freeze(jar: number, isFrozen: boolean): Promise<void>;
  limitFees(absoluteSat: number, percent: number): Promise<void>;
  /** Pays and reads what is said of it. */
  pay(payment: Payment): Promise<string>;
  /** Begins a coinjoin; the frames of the WebSocket tell when it has ended. */
  payTogether(payment: JointPayment): Promise<void>;
  /** Locks the only coin of a jar for some years; the address and the time that are shown. */
  bond(jar: number): Promise<{ address: string; lockedUntil: string }>;
  /** The bonds on the page about earning: what is locked in each. */
  bonds(): Promise<number[]>;
  /** Offers the coins; the name under which they are offered. */
  earn(): Promise<string>;
  stopEarning(): Promise<void>;
  /** What the report of earnings says. */
  report(): Promise<string>;
  /** Who offers. */
  orderbook(): Promise<string[]>;
  /** Begins one; how many coinjoins it has. */
  schedule(destinations: readonly string[]): Promise<number>;
  stopSchedule(): Promise<void>;
  words(): Promise<string[]>;
  logs(): Promise<string>;
  /** From the height that is offered, until it is over. */
  rescan(): Promise<void>;
  /** Waits until the tokens have been renewed, however long that takes. */
  renewTokens(): Promise<void>;
}
