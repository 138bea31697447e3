/** The maker and the taker as the open wallet uses them: what runs for it, and what each of them may do with it. */
import type { Bus, Client, Listener } from "../../../../../bus/bus.ts";
import type { EventBody, RpcInput, StateBody } from "../../../../../bus/contract/contract.ts";
import {
  type FailedJoin,
  type MakerStatus,
  type MakerTerms,
  makerContract,
} from "../../../../../bus/contracts/maker.ts";
import { type CoinjoinRun, takerContract } from "../../../../../bus/contracts/taker.ts";
import { mixableFunds } from "../../../../../bus/contracts/walletd/mixable.ts";
import { stemOf } from "../../../../../bus/contracts/walletd/stem.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { type Clock, sleep } from "../../../../../runtime/clock.ts";
import { hasCode, toWireError } from "../../../../../runtime/errors.ts";
import type { Diary } from "../jam/diary.ts";
import type { Login, OpenWallet } from "../wallet/login.ts";
import { Refusal } from "../wire/refusal.ts";
import { orAway } from "./away.ts";
import { type PlanFrame, planFrame } from "./tumbler-plan.ts";
import { type TumblePlan, Tumbling } from "./tumbling.ts";

export interface MixingOptions {
  readonly bus: Bus;
  readonly walletd: Client<typeof walletdContract>;
  readonly login: Login;
  readonly clock: Clock;
  readonly diary: Diary;
  /** Tells clients what the open wallet does now, whenever that changes. */
  readonly tell: (frame: { readonly coinjoin_state: State } | PlanFrame) => void;
}

/** The numbers of JoinMarket. */
const STATE = Object.freeze({ taker: 0, maker: 1, neither: 2 });
type State = (typeof STATE)[keyof typeof STATE];

type Taker = Client<typeof takerContract>;
type Wish = RpcInput<typeof takerContract, "plan">;

export interface MixWish extends Omit<Wish, "availableSat" | "coins" | "limits" | "ignored"> {
  readonly mixdepth: number;
  /** Exactly these coins of it. */
  readonly coins?: RpcInput<typeof takerContract, "start">["coins"];
  /** Null is the wallet's own next mixdepth. */
  readonly destination: string | null;
  readonly limits: { readonly absoluteSat: number; readonly relative: string };
}

/** As long as JoinMarket's own makers run at most before somebody looks after them: what a grant may last. */
const EARN_S = 30 * 86_400;
/** As long as the taker keeps the wallet's coins for one coinjoin, and a little. */
const MIX_S = 2 * 3_600;
/** What fails before this is told to who asked; what takes longer goes on, and is told by the session. */
const ANSWER_MS = 5_000;
const MIXING = "A CoinJoin or a schedule runs with this wallet: wait for its end or stop it first.";
const EARNING = "The wallet offers its coins: stop earning first.";

const STOPPED = "It was stopped before it had begun.";

/** What is asked for and has not begun yet: until then the wallet is taken, and whoever stops it is heeded. */
interface Beginning {
  readonly isMixing: boolean;
  hasBegun: boolean;
  isStopped: boolean;
}

export class Mixing {
  readonly tumbling: Tumbling;
  readonly #options: MixingOptions;
  readonly #maker: Client<typeof makerContract>;
  readonly #taker: Taker;
  /** By wallet what is just beginning, and the run of each that goes on as far as we have heard. */
  readonly #beginnings = new Map<string, Beginning>();
  readonly #runs = new Map<string, string>();
  /** The session of which it is known that an earlier life of ours has left nothing running. */
  #searched: string | undefined;
  /** The wallet whose offers are out, as the maker told last. */
  #earning: string | undefined;
  #listeners: Listener[] = [];

  constructor(options: MixingOptions) {
    this.#options = options;
    this.#maker = options.bus.client(makerContract);
    this.#taker = options.bus.client(takerContract);
    this.tumbling = new Tumbling({ ...options, taker: this.#taker });
  }

  async start(): Promise<void> {
    const { bus } = this.#options;
    this.#listeners = [
      await bus.onState(makerContract, "makers", (told) => this.#hearMakers(told)),
      await bus.onEvent(takerContract, "run.changed", (change) => this.#hearRun(change), {
        // Who asks for the session looks again.
        onGap: () => void this.#lookAtRuns().catch(() => {}),
      }),
      await bus.onEvent(takerContract, "tumble.changed", (change) => this.#hearTumble(change)),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  /** Undefined: it does not earn, or nobody knows as the maker is away. */
  async earning(wallet: string): Promise<MakerStatus | undefined> {
    const answer = await orAway(this.#maker.status({}));
    return answer?.makers.find((maker) => maker.wallet === stemOf(wallet) && maker.state !== "ended");
  }

  startEarning(open: OpenWallet, terms: MakerTerms): Promise<void> {
    return this.#alone(open.name, false, () => this.#earn(open, terms));
  }

  async #earn({ name, session }: OpenWallet, terms: MakerTerms): Promise<void> {
    const { walletd, diary } = this.#options;
    const owned = { wallet: name, session };
    const { grant, id } = await walletd.grant({ ...owned, caller: "maker", limits: {}, ttlS: EARN_S });
    try {
      await this.#maker.start({ wallet: stemOf(name), grant, grantId: id, terms });
    } catch (error) {
      await walletd.revoke({ ...owned, id });
      throw error;
    }
    diary.note("the wallet offers its coins for coinjoins");
  }

  /** Takers of a wallet that came to nothing; none where no maker runs. */
  async failedJoins(wallet: string): Promise<FailedJoin[]> {
    const joins = (await orAway(this.#maker.failed({})))?.joins ?? [];
    return joins.filter((join) => join.wallet === stemOf(wallet));
  }

  async stopEarning(wallet: string): Promise<void> {
    if ((await this.earning(wallet)) === undefined) throw new Refusal("ServiceNotStarted");
    await this.#maker.stop({ wallet: stemOf(wallet) });
    this.#options.diary.note("the wallet's offers are withdrawn");
  }

  /** A coinjoin of its own, or one of a schedule, or the time between two of a schedule. */
  async isMixing(wallet: string): Promise<boolean> {
    return this.#beginnings.get(wallet)?.isMixing === true || (await this.#goesOn(wallet));
  }

  /** Answers when it has begun, or after some seconds when the market takes its time. */
  async mix(open: OpenWallet, wish: MixWish): Promise<void> {
    const begun = this.#alone(open.name, true, (beginning) => this.#mix(open, wish, beginning));
    // Whoever does not wait for it any more reads of its failure in the log page.
    begun.catch(() => {});
    await Promise.race([begun, sleep(this.#options.clock, ANSWER_MS)]);
  }

  async #mix(open: OpenWallet, wish: MixWish, beginning: Beginning): Promise<void> {
    const funds = await this.#funds(open, wish);
    this.#tell(open.name, STATE.taker);
    try {
      await this.#begin(open, wish, funds, beginning);
    } catch (error) {
      this.#options.diary.note(`no coinjoin: ${toWireError(error).message}`);
      this.#tell(open.name, STATE.neither);
      throw error;
    }
  }

  /** Takes the wallet as soon as nothing else has it. */
  tumble(open: OpenWallet, plan: () => TumblePlan | Promise<TumblePlan>): Promise<void> {
    return this.#alone(open.name, true, async (beginning) => {
      // Before it begins: one that ends at once must not be told as running afterwards.
      this.#tell(open.name, STATE.taker);
      try {
        const planned = await plan();
        requireWanted(beginning);
        const tumble = await this.tumbling.begin(open, planned);
        if (beginning.isStopped) await this.tumbling.stop(tumble);
      } catch (error) {
        this.#tell(open.name, STATE.neither);
        throw error;
      }
    });
  }

  /** Whichever runs, a coinjoin or a schedule. */
  async stopMixing(wallet: string): Promise<void> {
    const beginning = this.#beginnings.get(wallet);
    if (beginning?.isMixing && !beginning.hasBegun) {
      beginning.isStopped = true;
      return;
    }
    const tumble = await this.tumbling.running(wallet);
    if (tumble !== undefined) return this.tumbling.stop(tumble);
    const run = await this.#running(wallet);
    if (run === undefined) throw new Refusal("ServiceNotStarted");
    const { isCancelled } = await this.#taker.cancel({ id: run.id });
    if (!isCancelled) {
      throw new Refusal("ActionNotAllowed", { message: "Our signatures are out already: it goes on." });
    }
  }

  /** Of the open wallet: there is a plan, or none any more. */
  tellPlan(event: "plan_created" | "plan_deleted", wallet: string): void {
    if (this.#options.login.open?.name === wallet) this.#options.tell(planFrame(event, wallet));
  }

  /** What is done by hand now would take coins from under the coinjoin or the schedule. */
  async requireNoMixing(wallet: string): Promise<void> {
    if (await this.isMixing(wallet)) throw new Refusal("ActionNotAllowed", { message: MIXING });
  }

  /** As above, and the offers that are out promise these coins. */
  async requireNeither(wallet: string): Promise<void> {
    await this.requireNoMixing(wallet);
    if ((await this.earning(wallet)) !== undefined) {
      throw new Refusal("ActionNotAllowed", { message: EARNING });
    }
  }

  /** Undefined: the taker is away. */
  orderbook() {
    return orAway(this.#taker.orderbook({}));
  }

  async #running(wallet: string): Promise<CoinjoinRun | undefined> {
    const id = this.#runs.get(wallet) ?? (await this.#leftRunning(wallet));
    if (id === undefined) return undefined;
    const run = await this.#runOf(id);
    return run === null || run?.isOver ? undefined : run;
  }

  /** We may have been started anew since it began. A run has its grant's name, and the wallet knows its grants. */
  async #leftRunning(wallet: string): Promise<string | undefined> {
    const { login, walletd } = this.#options;
    const { open } = login;
    if (open?.name !== wallet || open.session === this.#searched) return undefined;
    const { grants } = await walletd.status({ wallet, session: open.session });
    for (const { id } of grants.filter(({ caller }) => caller === "taker")) {
      const run = await this.#runOf(id);
      // The taker is away: it is asked again.
      if (run === undefined) return undefined;
      if (run === null || run.isOver) continue;
      this.#runs.set(wallet, id);
      break;
    }
    this.#searched = open.session;
    return this.#runs.get(wallet);
  }

  /** Undefined: the taker is away; null: it does not know it. */
  async #runOf(id: string): Promise<CoinjoinRun | null | undefined> {
    try {
      return await orAway(this.#taker.run({ id }));
    } catch (error) {
      if (!hasCode(error, "TAKER_NO_SUCH_RUN")) throw error;
      return null;
    }
  }

  async #hearRun({ id, isOver }: EventBody<typeof takerContract, "run.changed">): Promise<void> {
    if (!isOver) return;
    for (const [wallet, known] of this.#runs) if (known === id) await this.#end(wallet, id);
  }

  /** Something may have been said while nobody could hear it. */
  async #lookAtRuns(): Promise<void> {
    for (const [wallet, id] of this.#runs) {
      const run = await this.#runOf(id);
      if (run === null || run?.isOver) await this.#end(wallet, id);
    }
  }

  async #end(wallet: string, id: string): Promise<void> {
    if (!this.#runs.delete(wallet)) return;
    this.#tell(wallet, STATE.neither);
    const run = await this.#runOf(id);
    const how = run?.progress ?? "the taker knows no more of it.";
    this.#options.diary.note(`the coinjoin is over: ${how}`);
  }

  async #hearTumble({
    wallet,
    state,
    isOver,
  }: EventBody<typeof takerContract, "tumble.changed">): Promise<void> {
    const { login, diary, tell } = this.#options;
    const name = login.open?.name;
    if (name === undefined || stemOf(name) !== wallet) return;
    // One that waits for its owner does nothing until then.
    if (isOver || state === "grant") this.#tell(name, STATE.neither);
    if (isOver)
      diary.note(state === "done" ? "the schedule is done" : "the schedule has ended before it was done");
    const tumble = await this.tumbling.last(name);
    if (tumble !== undefined && login.open?.name === name) tell(planFrame("plan_updated", name, tumble));
  }

  #hearMakers({ makers }: StateBody<typeof makerContract, "makers">): void {
    const { open } = this.#options.login;
    if (open === undefined) return;
    const isEarning = makers.some(({ wallet, state }) => wallet === stemOf(open.name) && state !== "ended");
    const wasEarning = this.#earning === open.name;
    if (isEarning === wasEarning) return;
    this.#earning = isEarning ? open.name : undefined;
    this.#tell(open.name, isEarning ? STATE.maker : STATE.neither);
  }

  /** Clients have the open wallet in mind, whatever others do meanwhile. */
  #tell(wallet: string, state: State): void {
    if (this.#options.login.open?.name === wallet) this.#options.tell({ coinjoin_state: state });
  }

  /** One beginning of a wallet at a time, and none while anything runs: of two who ask at the same moment the second is refused. */
  async #alone<T>(
    wallet: string,
    isMixing: boolean,
    begin: (beginning: Beginning) => Promise<T>,
  ): Promise<T> {
    if (this.#beginnings.has(wallet)) throw new Refusal("ServiceAlreadyStarted");
    const beginning = { isMixing, hasBegun: false, isStopped: false };
    this.#beginnings.set(wallet, beginning);
    try {
      const [maker, goesOn] = await Promise.all([this.earning(wallet), this.#goesOn(wallet)]);
      if (maker !== undefined || goesOn) throw new Refusal("ServiceAlreadyStarted");
      return await begin(beginning);
    } finally {
      this.#beginnings.delete(wallet);
    }
  }

  async #goesOn(wallet: string): Promise<boolean> {
    const [run, tumble] = await Promise.all([this.#running(wallet), this.tumbling.running(wallet)]);
    return run !== undefined || tumble !== undefined;
  }

  async #funds({ name, session }: OpenWallet, { mixdepth, amountSat, coins: named }: MixWish) {
    const { coins } = await this.#options.walletd.coins({ wallet: name, session, mixdepth });
    const names = new Set(named?.map(nameOf));
    const funds =
      named === undefined
        ? mixableFunds(coins, amountSat)
        : mixableFunds(
            coins.filter((coin) => names.has(nameOf(coin))),
            null,
          );
    const { availableSat } = funds;
    if (funds.coins < names.size) {
      throw new Refusal("TransactionFailed", {
        message: `Of the coins ${[...names].join(", ")} some cannot be mixed now, or are not in jar ${mixdepth}.`,
      });
    }
    if (funds.coins === 0 || availableSat <= (amountSat ?? 0)) {
      throw new Refusal("TransactionFailed", {
        message: `Jar ${mixdepth} has ${availableSat} sat that can be spent now: too little for this.`,
      });
    }
    return funds;
  }

  /** The taker may use one mixdepth, for this amount, up to what the market asks now, and pay nowhere else. */
  async #begin(
    open: OpenWallet,
    wish: MixWish,
    funds: { availableSat: number; coins: number },
    beginning: Beginning,
  ): Promise<void> {
    const { walletd, diary } = this.#options;
    const { mixdepth, destination, coins, feeBlocks, ...shape } = wish;
    const plan = await this.#taker.plan({ ...shape, destination, feeBlocks, ...funds });
    requireWanted(beginning);
    const { makerFeesSatMax, miningFeeSatMax, satPerVb, makersMin } = plan;
    const owned = { wallet: open.name, session: open.session };
    const amount = shape.amountSat;
    const { grant, id: grantId } = await walletd.grant({
      ...owned,
      caller: "taker",
      ttlS: MIX_S,
      limits: {
        mixdepths: [mixdepth],
        ...(amount === null ? {} : { amountSatMax: amount, totalSatMax: amount }),
        destinations: destination === null ? [] : [destination],
        makerFeesSatMax,
        miningFeeSatMax,
      },
    });
    try {
      const { id } = await this.#taker.start({
        ...shape,
        id: grantId,
        makers: plan.makers.length,
        makersMin,
        plan: plan.plan,
        grant,
        mixdepth,
        destination,
        coins,
        makerFeesSatMax,
        miningFeeSatMax,
        satPerVb,
      });
      this.#runs.set(open.name, id);
      beginning.hasBegun = true;
      if (beginning.isStopped) await this.#taker.cancel({ id });
      diary.note(`a coinjoin has begun, with ${plan.makers.length} makers`);
    } catch (error) {
      await walletd.revoke({ ...owned, id: grantId });
      throw error;
    }
    // It may be over by now, and was not ours yet when that was told.
    await this.#lookAtRuns();
  }
}

/** Whoever was told that it is stopped must not find it running. */
function requireWanted({ isStopped }: Beginning): void {
  if (isStopped) throw new Refusal("ActionNotAllowed", { message: STOPPED });
}

function nameOf({ txid, index }: { readonly txid: string; readonly index: number }): string {
  return `${txid}:${index}`;
}
