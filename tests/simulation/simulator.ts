/** Leads schedule after schedule and holds each to what may never happen, whoever lies and whatever gets lost. */
import { parseTransaction } from "../../bitcoin/transaction.ts";
import type { CoinjoinRun } from "../../bus/contracts/taker.ts";
import { Chance } from "../harness/electrum/hostile-input.ts";
import { INPUT_LIES, SIGN_LIES } from "../harness/joinmarket/lies.ts";
import { DELIVERED, type HubMessage } from "../harness/joinmarket/market-hub.ts";
import { type Lies, ScriptedMaker } from "../harness/joinmarket/scripted-maker.ts";
import { accidentTo } from "./accidents.ts";
import { MAKER_FEE_SAT, MarketLife, OWNERS } from "./market-life.ts";
import { drawSchedule, type JoinSchedule, type Schedule, scheduleText } from "./schedule.ts";
import { takeFrom } from "./taken.ts";

/** What came of one schedule. */
export interface Outcome {
  /** How a coinjoin ended, or `taken`. */
  readonly end: string;
  /** Each a sentence; none when all was as it must be. */
  readonly violations: readonly string[];
}

/** The world is made anew after so many: a chain that grows makes all that look at it slow. */
const SCHEDULES_IN_LIFE = 24;
const SCRIPTED_MAX = 5;
const MINING_FEE_SAT_MAX = 20_000;
/** What is signed stays set aside for an hour, and a promise for as long as takers are waited for. */
const FREE_AFTER_MS = 3_700_000;
const REAL_LIMIT_MS = 60_000;

export class Simulator {
  readonly #seed: number;
  readonly #reused: string[] = [];
  #life: MarketLife | undefined;
  #left = 0;
  /** Of this life: what each coinjoin of our taker was to cost. */
  readonly #costs = new Map<string, number>();
  readonly #questions = new Map<
    string,
    { readonly from: string; readonly atMs: number; readonly to: Set<string> }
  >();

  constructor(seed: number) {
    this.#seed = seed;
  }

  async run(number: number): Promise<Outcome> {
    if (this.#left === 0) await this.#renew(number);
    this.#left--;
    const schedule = drawSchedule(this.#seed, number);
    const outcome = await this.#led(schedule);
    if (outcome.violations.length > 0) await this.end();
    return { ...outcome, violations: outcome.violations.map((what) => `${what}: ${scheduleText(schedule)}`) };
  }

  async end(): Promise<void> {
    this.#left = 0;
    const life = this.#life;
    this.#life = undefined;
    await life?.end();
  }

  async #renew(number: number): Promise<void> {
    await this.end();
    this.#costs.clear();
    this.#questions.clear();
    const chance = new Chance((this.#seed * 31 + number) >>> 0);
    this.#life = await MarketLife.begin(chance, {
      makers: SCHEDULES_IN_LIFE * SCRIPTED_MAX,
      takers: SCHEDULES_IN_LIFE,
    });
    this.#left = SCHEDULES_IN_LIFE;
  }

  async #led(schedule: Schedule): Promise<Outcome> {
    const life = this.#life as MarketLife;
    const violations: string[] = [];
    const maker = await life.earn();
    const { what, chance } = schedule;
    const makers = what.kind === "join" ? what.lies.map((lie, i) => this.#scripted(what, lie, i)) : [];
    for (const one of makers) await one.start();
    const hands = this.#hands(schedule, makers);
    let end: string = what.kind;
    try {
      if (what.kind === "join") {
        const run = await this.#joined(life, what, maker);
        end = run === undefined ? "refused" : (run.failure?.code ?? run.phase);
        if (run !== undefined) violations.push(...this.#judgedRun(life, run));
      } else {
        const pushes = chance.next() < 0.5;
        const isUndisturbed = schedule.accidentPercent === 0;
        const broken = await takeFrom(life, what, { maker, pushes, isUndisturbed });
        if (broken !== undefined) violations.push(broken);
      }
    } finally {
      life.hub.fate = () => DELIVERED;
      life.money.onBroadcast = () => undefined;
      life.money.loses = undefined;
      await hands.done();
      for (const one of makers) await one.stop();
    }
    violations.push(...(await this.#settled(life)));
    return { end, violations };
  }

  /** Everything that happens beside the talk itself. */
  #hands(
    { what, accidentPercent, kills, blockAt, chance, loses, spendsElsewhere }: Schedule,
    makers: readonly ScriptedMaker[],
  ) {
    const life = this.#life as MarketLife;
    const isJoin = what.kind === "join";
    let work: Promise<unknown> = Promise.resolve();
    const errors: unknown[] = [];
    const later = (what: () => Promise<unknown>) => {
      work = work.then(what).catch((error: unknown) => errors.push(error));
    };
    const blows = {
      taker: async () => {
        await life.stopTaker();
        await life.startTaker();
      },
      maker: async () => {
        await life.killMaker();
        await life.startMaker();
      },
      walletd: () => life.restartWalletd(),
      peer: async () => {
        const { nick = "" } = makers[chance.below(makers.length)] ?? {};
        life.hub.cut(nick);
        if (chance.next() < 0.5) life.hub.restore(nick);
      },
    };
    let told = 0;
    life.money.loses = loses;
    life.money.onBroadcast = () => {
      life.money.onBroadcast = () => undefined;
      const coin = spendsElsewhere ? makers[0]?.coins[0] : undefined;
      if (coin !== undefined) life.spendElsewhere(coin);
    };
    life.hub.fate = (message) => {
      if (isJoin) this.#noteQuestion(life, message);
      if (message.isPrivate) {
        told++;
        for (const { who, at } of kills) if (at === told) later(blows[who]);
        if (blockAt === told) later(() => life.mine(1));
      }
      return chance.below(100) < accidentPercent ? accidentTo(message, chance) : DELIVERED;
    };
    return {
      async done() {
        await work;
        if (errors.length > 0) throw errors[0];
      },
    };
  }

  /** Scripted takers have commitments of their own, and lie with them. */
  #noteQuestion({ clock }: MarketLife, { from, to, text }: HubMessage): void {
    const [word, , , , commitment] = text.split(" ");
    if (word !== "fill" || commitment === undefined) return;
    const known = this.#questions.get(commitment);
    const atMs = clock.monotonicMs();
    if (known === undefined) this.#questions.set(commitment, { from, atMs, to: new Set([to]) });
    else if (known.from !== from || known.atMs !== atMs || known.to.has(to)) this.#reused.push(commitment);
    else known.to.add(to);
  }

  #scripted(what: JoinSchedule, lie: string | undefined, at: number): ScriptedMaker {
    const life = this.#life as MarketLife;
    const lies = lie === undefined ? undefined : this.#lies(lie, what.mixdepth);
    const coins = life.scriptedCoins();
    const worthSat = coins.reduce((sum, { valueSat }) => sum + valueSat, 0);
    return new ScriptedMaker({
      market: life.hub.market(),
      coins: () => coins,
      offer: {
        ...{ type: "sw0absoffer", offerId: "0", minSat: 27_300, maxSat: worthSat - 50_000, txfeeSat: 0 },
        feeText: String(what.feesSat[at] ?? 0),
      },
      firstScript: life.freshScripts,
      ...(lies === undefined ? {} : { lies }),
      send: (rawTx) => {
        const transaction = parseTransaction(rawTx);
        if (life.takes(transaction)) life.money.node.submit(transaction);
        life.money.followMempool();
      },
    });
  }

  #lies(name: string, mixdepth: number): Lies {
    if (name === "sends nothing") return { isPushing: false };
    if (name === "has a key of its own") return { key: () => `pubkey ${"ab".repeat(32)}` };
    const signing = SIGN_LIES[name.replace(/^in signing /, "")];
    if (name.startsWith("in signing ") && signing !== undefined) return signing;
    const lie = INPUT_LIES[name];
    if (lie === undefined) throw new Error(`no such lie: ${name}`);
    const life = this.#life as MarketLife;
    const { address } = life.keysOf("taker").key({ mixdepth, chain: 1, index: 0 });
    const foreign = life.foreignCoin();
    return { inputs: (truth) => lie(truth, { foreignCoin: foreign, takerAddress: address }) };
  }

  /** Nothing when it could not even begin. */
  async #joined(life: MarketLife, what: JoinSchedule, ownMaker: string): Promise<CoinjoinRun | undefined> {
    const { mixdepth, amountSat, makers, makersMin, broadcast, feesSatMax } = what;
    const most = { makerFeesSatMax: feesSatMax, miningFeeSatMax: MINING_FEE_SAT_MAX };
    const { grant } = await life.under
      .as("operator")
      .grant({ ...life.owned("taker"), caller: "taker", limits: { mixdepths: [mixdepth], ...most } });
    const { id } = await life.taker.start({
      ...{ grant, mixdepth, amountSat, makers, makersMin, ...most, satPerVb: 2, broadcast },
      ...(what.withOwnMaker ? {} : { ignored: [ownMaker] }),
    });
    const endMs = performance.now() + REAL_LIMIT_MS;
    while (performance.now() < endMs) {
      const run = await life.taker.run({ id }).catch(() => undefined);
      if (run?.isOver === true) return run;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`a coinjoin does not end: ${JSON.stringify(await life.taker.run({ id }))}`);
  }

  #judgedRun(life: MarketLife, run: CoinjoinRun): string[] {
    const broken: string[] = [];
    const costSat = (run.makerFeesSat ?? 0) + (run.miningFeeSat ?? 0);
    if (run.txid !== null) this.#costs.set(run.txid, costSat);
    if ((run.miningFeeSat ?? 0) > MINING_FEE_SAT_MAX) broken.push("the miners got more than was granted");
    if (run.phase === "done") {
      if (run.txid === null || run.failure !== null) broken.push("a coinjoin was done without a transaction");
    } else if (run.failure === null || run.failure.code === "" || run.failure.message === "") {
      broken.push("a coinjoin failed for no reason");
    } else if (!life.log.lines.some(({ context }) => context["run"] === run.id)) {
      broken.push("the log does not say why a coinjoin failed");
    }
    if (run.faults.some(({ why }) => why === "")) broken.push("a maker failed us for no reason");
    return broken;
  }

  /** When all is quiet again: what is gone is what was agreed, and nothing is set aside. */
  async #settled(life: MarketLife): Promise<string[]> {
    const broken: string[] = [];
    await life.mine(2);
    for (const owner of OWNERS) await life.under.level(life.owned(owner));
    for (const { txid, owner, costSat, isSigned } of life.ledger.follow(life.money.node)) {
      if (!isSigned) broken.push(`a transaction of the ${owner}'s was sent without all its signatures`);
      // Who is taker and maker of one transaction pays and earns.
      if (owner === "maker" && costSat !== -MAKER_FEE_SAT)
        broken.push(`a coinjoin earned our maker ${-costSat} sat`);
      if (owner !== "taker") continue;
      const agreedSat = this.#costs.get(txid);
      if (agreedSat !== costSat)
        broken.push(`a coinjoin cost ${costSat} sat, and ${agreedSat} sat were agreed`);
    }
    for (const commitment of this.#reused.splice(0))
      broken.push(`the commitment ${commitment} was used twice`);
    for (const owner of OWNERS) {
      if ((await life.reservedSat(owner)) === 0) continue;
      await life.clock.pass(FREE_AFTER_MS);
      const reservedSat = await this.#lastReserved(life, owner);
      if (reservedSat > 0) broken.push(`${reservedSat} sat of the ${owner}'s stay set aside`);
    }
    return broken;
  }

  async #lastReserved(life: MarketLife, owner: (typeof OWNERS)[number]): Promise<number> {
    const endMs = performance.now() + 5_000;
    for (;;) {
      const reservedSat = await life.reservedSat(owner);
      if (reservedSat === 0 || performance.now() > endMs) return reservedSat;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
