/** The makers of one attempt: asked all at once, judged one by one as they answer, shown one transaction, and heard until all have signed. */
import { type Context, context } from "@opentelemetry/api";
import type { Network } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import type { SignedInput } from "../../../bitcoin/signing/inputs.ts";
import type { Transaction } from "../../../bitcoin/transaction.ts";
import type { ForeignCoins } from "../../../bus/chain/foreign-coins.ts";
import { type CoinjoinCoin, outpointOf } from "../../../joinmarket/coinjoin/own-side.ts";
import {
  type AnswerVerdict,
  checkMakerAnswer,
  type MakerAnswer,
} from "../../../joinmarket/coinjoin/taker-check.ts";
import type { BoxKeys } from "../../../joinmarket/messages/box.ts";
import type { Command } from "../../../joinmarket/messages/command.ts";
import type { MakerInputs } from "../../../joinmarket/messages/inputs.ts";
import type { Candidate } from "../../../joinmarket/orderbook/candidates.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { Ear, Gathering } from "../market/gathering.ts";
import { Pokes } from "../pokes.ts";
import { Conversation, type TalkFault, type TalkState } from "./conversation.ts";

export interface TeamParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly gathering: Gathering;
  readonly keys: BoxKeys;
  readonly coins: ForeignCoins;
  readonly inputsMax: number;
  readonly amountSat: number;
  readonly own: {
    readonly coins: readonly CoinjoinCoin[];
    readonly addresses: readonly string[];
  };
  readonly signal: AbortSignal;
  onFault(nick: string, phase: "fill" | "sign", fault: TalkFault): void;
  /** One has come further; `number` counts those of this team. */
  onStep(number: number, state: TalkState): void;
}

/** One question: what is shown to makers of the coin behind it. */
export interface Commitment {
  readonly commitment: string;
  readonly revelation: string;
  /** With the coin's script and height. */
  extended(): Promise<string | undefined>;
}

export class Team implements Ear {
  readonly #parts: TeamParts;
  readonly #pokes = new Pokes();
  readonly #outpoints: Set<string>;
  readonly #scripts: Set<string>;
  readonly #told = new Set<Conversation>();
  #talks = new Map<string, Conversation>();
  #phase: "fill" | "sign" = "fill";
  /** What is heard comes from the market, to which the trace of this coinjoin does not lead: what is asked because of it belongs to it. */
  readonly #trace: Context = context.active();

  constructor(parts: TeamParts) {
    this.#parts = parts;
    const { coins, addresses } = parts.own;
    this.#outpoints = new Set(coins.map(outpointOf));
    const scripts = addresses.map((address) => scriptOfAddress(address, parts.network));
    this.#scripts = new Set(scripts.map((script) => Buffer.from(script).toString("hex")));
    parts.gathering.listen(this);
  }

  get asked(): number {
    return this.#talks.size;
  }

  /** Whoever was asked once, with whatever answer. */
  get nicks(): Iterable<string> {
    return this.#talks.keys();
  }

  get good(): readonly Conversation[] {
    return [...this.#talks.values()].filter(({ part, state }) => part !== undefined && state !== "failed");
  }

  get signed(): readonly Conversation[] {
    return this.good.filter(({ state }) => state === "signed");
  }

  /** Makers publish a commitment as soon as they have seen its opening: all are asked before anybody can answer. */
  async ask(candidates: readonly Candidate[], question: Commitment, timeoutMs: number): Promise<void> {
    const talks = candidates.map((candidate) => this.#talk(candidate, question));
    for (const talk of talks) talk.ask();
    await this.#until(() => talks.every(({ isAnswered }) => isAnswered), timeoutMs);
    for (const talk of talks) if (!talk.isAnswered) talk.fail("it did not answer in time");
  }

  /** Leaves one out that was found good. */
  drop(talk: Conversation, why: string): void {
    talk.fail(why);
  }

  /** Whether all of them have signed in time. */
  async sign(transaction: Transaction, timeoutMs: number): Promise<boolean> {
    this.#phase = "sign";
    const talks = this.good;
    for (const talk of talks) talk.askSignature(transaction);
    const isDone = ({ state }: Conversation) => state === "signed" || state === "failed";
    await this.#until(() => talks.every(isDone), timeoutMs);
    for (const talk of talks) if (!isDone(talk)) talk.fail("it did not sign in time");
    return talks.every(({ state }) => state === "signed");
  }

  get signatures(): readonly SignedInput[] {
    return this.signed.flatMap(({ signed }) => signed);
  }

  end(): void {
    this.#parts.gathering.listen(undefined);
    for (const talk of this.#talks.values()) talk.wipe();
  }

  hear(nick: string, command: Command): void {
    context.with(this.#trace, () => this.#talks.get(nick)?.hear(command));
  }

  left(nick: string): void {
    this.#talks.get(nick)?.fail("it has left the market");
  }

  #talk(candidate: Candidate, { commitment, revelation, extended }: Commitment): Conversation {
    const { gathering, keys, amountSat } = this.#parts;
    const { nick } = candidate;
    const talk: Conversation = new Conversation(candidate, {
      keys,
      amountSat,
      commitment,
      revelation,
      extended,
      tell: (text) => gathering.tell(nick, text),
      judge: (answer, inputs) => this.#judge(answer, inputs),
      changed: () => this.#changed(nick, talk),
    });
    this.#talks.set(nick, talk);
    return talk;
  }

  async #judge(answer: Omit<MakerAnswer, "coins">, inputs: MakerInputs): Promise<AnswerVerdict> {
    const { coins, network, amountSat, inputsMax } = this.#parts;
    // More are not even looked up: the judgement says why.
    const named = inputs.coins.slice(0, inputsMax + 1);
    const known = await coins.look(named);
    // From here on nothing waits: what this one brings, the next one may not bring again.
    const rules = { network, amountSat, inputsMax, outpoints: this.#outpoints, scripts: this.#scripts };
    const verdict = checkMakerAnswer({ ...answer, coins: known }, rules);
    if (verdict.isGood) {
      for (const outpoint of verdict.outpoints) this.#outpoints.add(outpoint);
      for (const script of verdict.scripts) this.#scripts.add(script);
    }
    return verdict;
  }

  #changed(nick: string, talk: Conversation): void {
    if (talk.fault !== undefined && !this.#told.has(talk)) {
      this.#told.add(talk);
      this.#parts.onFault(nick, this.#phase, talk.fault);
    }
    this.#parts.onStep([...this.#talks.keys()].indexOf(nick), talk.state);
    this.#pokes.poke();
  }

  async #until(holds: () => boolean, timeoutMs: number): Promise<void> {
    const { clock, signal } = this.#parts;
    await this.#pokes.until(holds, { clock, timeoutMs, signal });
  }
}
