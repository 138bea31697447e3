/** Where a wallet command does its work: the bus, the wallet that is meant, and the session that its password gives. */

import type { Client } from "../../bus/bus.ts";
import type { ConnectedBus } from "../../bus/connected-bus.ts";
import type { Contract, RpcOutput } from "../../bus/contract/contract.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import { WalletName } from "../../bus/contracts/walletd/values.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { hasCode } from "../../runtime/errors.ts";
import { findDataPaths } from "../../supervisor/plan/settings.ts";
import { EXIT, misuse } from "../errors.ts";
import { operatorBus } from "../operator-access.ts";
import { commandName, type PlaceOptions, requestOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { askText, type PasswordOptions, withPassword } from "./input/secret-input.ts";
import { KeptSessions } from "./kept-sessions.ts";

export interface WalletOptions extends PlaceOptions, PasswordOptions {
  readonly wallet?: string;
  readonly json?: boolean;
}

/** Ten thousand addresses take seconds; a terminal that says nothing for longer seems dead. */
const LOOKING_UP_MS = 30_000;
const LOOK_MS = 200;

export type Walletd = Client<typeof walletdContract>;
export interface Owned {
  readonly wallet: string;
  readonly session: string;
}

type Unlocked = Pick<RpcOutput<typeof walletdContract, "unlock">, "session" | "wasUnlocked" | "form">;

export class WalletDesk {
  readonly walletd: Walletd;
  readonly #options: WalletOptions;
  readonly #terminal: Terminal;
  readonly #bus: ConnectedBus;
  readonly #sessions: KeptSessions;

  private constructor(options: WalletOptions, terminal: Terminal, bus: ConnectedBus) {
    this.#options = options;
    this.#terminal = terminal;
    this.#bus = bus;
    this.walletd = bus.client(walletdContract);
    this.#sessions = new KeptSessions(findDataPaths(requestOf(options, terminal)).run);
  }

  static async open(options: WalletOptions, terminal: Terminal): Promise<WalletDesk> {
    return new WalletDesk(
      options,
      terminal,
      await operatorBus(requestOf(options, terminal), "supervisor wallet"),
    );
  }

  /** Another actor, asked over the same connection. */
  client<C extends Contract>(contract: C): Client<C> {
    return this.#bus.client(contract);
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  /** The one that was named, or the only one there is. */
  async wallet(): Promise<string> {
    const { wallet } = this.#options;
    if (wallet !== undefined) {
      if (WalletName.safeParse(wallet).success) return stemOf(wallet);
      throw misuse(
        `"${wallet}" is no wallet's name. \`wallet list\` shows them; a file elsewhere is imported.`,
      );
    }
    const { wallets } = await this.walletd.list({});
    const command = commandName(this.#terminal);
    const [only, another] = wallets;
    if (only === undefined) {
      throw misuse(`There is no wallet yet. Make one: ${command} wallet create <name>`);
    }
    if (another === undefined) return stemOf(only.wallet);
    const unlocked = wallets.filter(({ isUnlocked }) => isUnlocked);
    // Of several that are open, the one that was opened here.
    const ours = unlocked.filter(({ wallet }) => this.#sessions.of(stemOf(wallet)) !== undefined);
    const [meant, other] = ours.length > 0 ? ours : unlocked;
    if (meant !== undefined && other === undefined) return stemOf(meant.wallet);
    throw misuse(
      `There are ${wallets.length} wallets. Say which: --wallet <name>, as \`${command} wallet list\` shows them.`,
    );
  }

  /** What a wallet that is to be made shall be called; said or asked before anything else is. */
  async newName(given = this.#options.wallet): Promise<string> {
    const { wallets } = await this.walletd.list({});
    const problemOf = (text: string) => nameProblem(stemOf(text), wallets);
    if (given === undefined) {
      const typed = await askText(this.#terminal, "What shall it be called?", "Say its name.", problemOf);
      return stemOf(typed);
    }
    const problem = problemOf(given);
    if (problem !== undefined) throw misuse(`No wallet can be called "${given}": ${problem}.`);
    return stemOf(given);
  }

  /** Asks as the wallet's owner; if no session is known, or it has ended, the password is asked for. */
  async asOwner<A>(question: (owned: Owned, walletd: Walletd) => Promise<A>): Promise<A> {
    return this.asOwnerOf(await this.wallet(), this.#options, question);
  }

  /** The same for a wallet that is not the one that the command is about. */
  async asOwnerOf<A>(
    wallet: string,
    options: PasswordOptions,
    question: (owned: Owned, walletd: Walletd) => Promise<A>,
  ): Promise<A> {
    const session = this.#sessions.of(wallet);
    if (session !== undefined) {
      try {
        return await this.#onceKnown({ wallet, session }, question);
      } catch (error) {
        if (!hasCode(error, "WALLETD_NO_SESSION")) throw error;
        this.#sessions.forget(wallet);
      }
    }
    const { session: fresh } = await this.unlock(wallet, "", options);
    return this.#onceKnown({ wallet, session: fresh }, question);
  }

  /** A wallet that was just opened looks up its coins for a moment: that is waited for, and not told. */
  async #onceKnown<A>(owned: Owned, question: (owned: Owned, walletd: Walletd) => Promise<A>): Promise<A> {
    const endMs = systemClock.monotonicMs() + LOOKING_UP_MS;
    for (;;) {
      try {
        return await question(owned, this.walletd);
      } catch (error) {
        if (!hasCode(error, "WALLETD_NOT_SYNCED") || systemClock.monotonicMs() >= endMs) throw error;
        const { sync } = await this.walletd.status(owned);
        if (sync.trouble !== null) throw error;
        await sleep(systemClock, LOOK_MS);
      }
    }
  }

  /** Of each wallet that was unlocked here, without asking for a password; and the names of the others. */
  async ofEachOpen<A>(
    question: (owned: Owned, walletd: Walletd) => Promise<A>,
  ): Promise<{ readonly answers: A[]; readonly closed: string[] }> {
    const { wallets } = await this.walletd.list({});
    const answers: A[] = [];
    const closed: string[] = [];
    for (const wallet of wallets.map((one) => stemOf(one.wallet))) {
      const session = this.#sessions.of(wallet);
      try {
        if (session === undefined) closed.push(wallet);
        else answers.push(await question({ wallet, session }, this.walletd));
      } catch (error) {
        if (!hasCode(error, "WALLETD_NO_SESSION")) throw error;
        this.#sessions.forget(wallet);
        closed.push(wallet);
      }
    }
    return { answers, closed };
  }

  async unlock(wallet: string, passphrase = "", options: PasswordOptions = this.#options): Promise<Unlocked> {
    const { session, wasUnlocked, form } = await withPassword(
      options,
      this.#terminal,
      `Password of the wallet ${wallet}`,
      (password) => this.walletd.unlock({ wallet, password, passphrase }),
    );
    this.keep(wallet, session);
    return { session, wasUnlocked, form };
  }

  keep(wallet: string, session: string): void {
    this.#sessions.keep(wallet, session);
  }

  forget(wallet: string): void {
    this.#sessions.forget(wallet);
  }
}

function nameProblem(name: string, wallets: readonly { readonly wallet: string }[]): string | undefined {
  if (!WalletName.safeParse(name).success || name.trim() !== name) {
    return "it is a file's name, of letters, digits, blanks and . _ - in the middle, 100 at most";
  }
  const isTaken = wallets.some(({ wallet }) => stemOf(wallet) === name);
  return isTaken ? "one of that name is there, and is never overwritten" : undefined;
}

/** Opens a desk, does one thing at it, and closes. */
export async function withDesk<A>(
  options: WalletOptions,
  terminal: Terminal,
  work: (desk: WalletDesk) => Promise<A>,
): Promise<A> {
  const desk = await WalletDesk.open(options, terminal);
  try {
    return await work(desk);
  } finally {
    await desk.close();
  }
}

/** The same, and prints the answer for a person or a program. */
export async function atDesk<A>(
  options: WalletOptions,
  terminal: Terminal,
  work: (desk: WalletDesk) => Promise<A>,
  linesOf: (answer: A) => readonly string[],
): Promise<number> {
  const answer = await withDesk(options, terminal, work);
  if (options.json) sayJson(terminal, answer);
  else for (const line of linesOf(answer)) say(terminal, line);
  return EXIT.ok;
}
