/** The taker: asks the market for coinjoins with coins that wallets' owners have granted. It holds no key of a wallet. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { networkByName } from "../../bitcoin/network.ts";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Publisher, Service } from "../../bus/bus.ts";
import { ForeignCoins } from "../../bus/chain/foreign-coins.ts";
import { indexerContract } from "../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../bus/contracts/mempool.ts";
import { takerContract } from "../../bus/contracts/taker.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import type { Market } from "../../joinmarket/channel/market.ts";
import { type Random, systemRandom } from "../../runtime/chance/system-random.ts";
import { Picker } from "./agreement/pick.ts";
import { Plans } from "./answers/plans.ts";
import { takerAnswers } from "./answers/taker-answers.ts";
import { Confirmations } from "./chain/confirmations.ts";
import { Feerate } from "./chain/feerate.ts";
import { Sightings } from "./chain/sightings.ts";
import type { CoinjoinParts } from "./coinjoin/parts.ts";
import { isOver, RecordSchema, RUNS_KEPT_MAX, type RunRecord } from "./coinjoin/record.ts";
import { Runs } from "./coinjoin/runs.ts";
import { type TakerConfig, takerStartSection } from "./config.ts";
import { BondJudge } from "./market/bond-judge.ts";
import { Gathering } from "./market/gathering.ts";
import { OwnMakers } from "./market/own-makers.ts";
import { TakerMetrics } from "./metrics.ts";
import { RecordFolder } from "./record-folder.ts";
import { isTumbleOver, TUMBLES_KEPT_MAX, type TumbleRecord, TumbleRecordSchema } from "./tumble/record.ts";
import { Tumbles } from "./tumble/tumbles.ts";

type Context = ActorContext<TakerConfig>;

/** What differs between the program and its tests. */
export interface TakerParts {
  /** Each with a nick of its own. */
  openMarket(context: Context): Market;
  /** Decides which makers, what feerate, in which order, and draws schedules. */
  readonly random?: Random;
}

const INSTANCE = "main";
const MS_PER_S = 1_000;

export function takerWith(parts: TakerParts): ActorDefinition<typeof takerStartSection.schema> {
  return { name: "taker", section: takerStartSection, create: (context) => new Taker(context, parts) };
}

class Taker implements Actor {
  readonly #context: Context;
  readonly #sightings: Sightings;
  readonly #parts: CoinjoinParts;
  readonly #runs: Runs;
  readonly #plans: Plans;
  readonly #confirmations: Confirmations;
  readonly #ownMakers: OwnMakers;
  readonly #tumbles: Tumbles;
  readonly #random: Random;
  #publisher: Publisher<typeof takerContract> | undefined;
  #service: Service | undefined;

  constructor(context: Context, { openMarket, random = systemRandom }: TakerParts) {
    this.#context = context;
    this.#random = random;
    const { bus, clock, log, config, meter } = context;
    const network = networkByName(context.network);
    const coins = new ForeignCoins(bus, network);
    this.#sightings = new Sightings({ bus, clock, log });
    const rules = { clock, gatherMs: config.gather_seconds * MS_PER_S, quietMs: config.quiet_ms };
    this.#parts = {
      config,
      network,
      clock,
      log,
      metrics: new TakerMetrics(meter, () => ({ running: this.#runs.running })),
      walletd: bus.client(walletdContract),
      mempool: bus.client(mempoolContract),
      indexer: bus.client(indexerContract),
      folder: new RecordFolder<RunRecord>(join(context.dataDirectory, "runs"), {
        schema: RecordSchema,
        isOver,
        overMax: RUNS_KEPT_MAX,
      }),
      coins,
      feerate: new Feerate(bus, config, random),
      bonds: new BondJudge(bus, coins, clock),
      sightings: this.#sightings,
      picker: new Picker(config, random),
      randomBelow: (end) => Math.floor(random() * end),
      randomBytes: (lengthBytes) => randomBytes(lengthBytes),
      openGathering: () => new Gathering(openMarket(context), rules),
      onPhase: (record) => this.#onPhase(record),
    };
    this.#runs = new Runs(this.#parts);
    this.#plans = new Plans(this.#parts);
    this.#confirmations = new Confirmations(bus, clock);
    this.#ownMakers = new OwnMakers(bus);
    this.#tumbles = new Tumbles({
      coinjoins: this.#parts,
      runs: this.#runs,
      plans: this.#plans,
      ownMakers: this.#ownMakers,
      folder: new RecordFolder<TumbleRecord>(join(context.dataDirectory, "tumbles"), {
        schema: TumbleRecordSchema,
        isOver: isTumbleOver,
        overMax: TUMBLES_KEPT_MAX,
      }),
      confirmations: this.#confirmations,
      random,
      onState: (record) => this.#onTumble(record),
    });
  }

  async start(): Promise<void> {
    const { bus } = this.#context;
    await this.#sightings.start();
    this.#publisher = bus.publisher(takerContract, INSTANCE);
    await this.#confirmations.start();
    await this.#ownMakers.start();
    this.#runs.resume();
    this.#tumbles.resume();
    const desk = {
      parts: this.#parts,
      runs: this.#runs,
      plans: this.#plans,
      tumbleDesk: {
        coinjoins: this.#parts,
        confirmations: this.#confirmations,
        random: this.#random,
        tumbles: this.#tumbles,
      },
    };
    this.#service = await bus.serve(takerContract, takerAnswers(desk), { publisher: this.#publisher });
    this.#report();
  }

  async stop(): Promise<void> {
    // First those that would begin another.
    await this.#tumbles.stop();
    await this.#runs.stop();
    await this.#service?.stop();
    await this.#plans.stop();
    await this.#sightings.stop();
    await this.#confirmations.stop();
    await this.#ownMakers.stop();
    await this.#publisher?.stop();
  }

  #onPhase(record: RunRecord): void {
    this.#publisher?.event("run.changed", { id: record.id, phase: record.phase, isOver: isOver(record) });
    this.#report();
  }

  #onTumble(record: TumbleRecord): void {
    const { id, wallet, state } = record;
    this.#publisher?.event("tumble.changed", { id, wallet, state, isOver: isTumbleOver(record) });
    this.#report();
  }

  #report(): void {
    const counts = [
      ...(this.#runs.running === 0 ? [] : [countOf(this.#runs.running, "coinjoin")]),
      ...(this.#tumbles.running === 0 ? [] : [countOf(this.#tumbles.running, "tumble")]),
    ];
    const what = counts.length === 0 ? "no coinjoin" : counts.join(" and ");
    this.#context.report("ready", `${what} under way`);
  }
}

function countOf(count: number, what: string): string {
  return `${count} ${count === 1 ? what : `${what}s`}`;
}
