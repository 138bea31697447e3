/** The schedules of coinjoins that the taker carries out for the open wallet: planned, begun, looked at, ended. */
import { randomUUID } from "node:crypto";
import type { Client } from "../../../../../bus/bus.ts";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
import type { takerContract } from "../../../../../bus/contracts/taker.ts";
import { mixableSums } from "../../../../../bus/contracts/walletd/mixable.ts";
import { stemOf } from "../../../../../bus/contracts/walletd/stem.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import type { Clock } from "../../../../../runtime/clock.ts";
import type { Diary } from "../jam/diary.ts";
import type { OpenWallet } from "../wallet/login.ts";
import { Refusal } from "../wire/refusal.ts";
import { orAway } from "./away.ts";
import type { Limits } from "./limits.ts";
import type { TumbleWish } from "./tumble-options.ts";

export type Tumble = RpcOutput<typeof takerContract, "tumble">;

/** One that is drawn and waits to be begun. It is forgotten with the gateway: nothing was set aside for it. */
export interface TumblePlan {
  readonly id: string;
  readonly atMs: number;
  readonly destinations: readonly string[];
  readonly limits: Limits["limits"];
  readonly fee: Limits["fee"];
  readonly rules: TumbleWish["rules"];
  readonly drawn: RpcOutput<typeof takerContract, "tumblePlan">;
}

export interface TumblingOptions {
  readonly taker: Client<typeof takerContract>;
  readonly walletd: Client<typeof walletdContract>;
  readonly clock: Clock;
  readonly diary: Diary;
}

const GRANT_S_MAX = 30 * 86_400;
/** Blocks may be slow, and makers away. */
const GRANT_SPARE_S = 3 * 86_400;

export class Tumbling {
  readonly #options: TumblingOptions;

  constructor(options: TumblingOptions) {
    this.#options = options;
  }

  /** Undefined also when the taker is away, and when it only waits for the owner to allow it again. */
  async running(wallet: string): Promise<Tumble | undefined> {
    const last = await this.last(wallet);
    return last === undefined || last.isOver || last.state === "grant" ? undefined : last;
  }

  /** The one that was begun last, however it stands. */
  async last(wallet: string): Promise<Tumble | undefined> {
    return (await orAway(this.#options.taker.tumbles({ wallet: stemOf(wallet), limit: 1 })))?.tumbles[0];
  }

  async plan(
    { name, session }: OpenWallet,
    destinations: readonly string[],
    { options, rules }: TumbleWish,
    { limits, makersMin, fee }: Limits,
  ): Promise<TumblePlan> {
    const { walletd, taker, clock } = this.#options;
    const owned = { wallet: name, session };
    const [{ mixdepths }, { coins }] = await Promise.all([walletd.status(owned), walletd.coins(owned)]);
    const availableSat = mixableSums(coins, mixdepths);
    if (availableSat.every((sat) => sat === 0)) throw new Refusal("NotEnoughCoinsForTumbler");
    const drawn = await taker.tumblePlan({
      availableSat,
      destinations: [...destinations],
      options: { makersMin, ...options, destinations: destinations.length },
      limits,
      ...fee,
      // The market is asked, so that no coinjoin wants more makers than there are.
      isPriced: true,
    });
    return {
      ...{ id: randomUUID(), atMs: clock.now(), destinations, limits, fee, drawn },
      rules: { makersMin, ...rules },
    };
  }

  /** The taker may use all of the wallet, up to the plan's fees for each coinjoin, and pay only the destinations. */
  async begin({ name, session }: OpenWallet, plan: TumblePlan): Promise<Tumble> {
    const { walletd, taker, diary } = this.#options;
    const waiting = await this.last(name);
    // It would keep the place of this one for as long as nobody allows it to go on.
    if (waiting !== undefined && !waiting.isOver) await taker.tumbleStop({ id: waiting.id });
    const { schedule, makerFeesSatMax, miningFeeSatMax, secondsLeft } = plan.drawn;
    const owned = { wallet: name, session };
    const { grant, id } = await walletd.grant({
      ...owned,
      caller: "taker",
      ttlS: Math.min(GRANT_S_MAX, secondsLeft * 2 + GRANT_SPARE_S),
      limits: { destinations: [...plan.destinations], makerFeesSatMax, miningFeeSatMax },
    });
    try {
      const tumble = await taker.tumbleStart({
        ...{ wallet: stemOf(name), grant, schedule, rules: plan.rules, limits: plan.limits },
        ...{ makerFeesSatMax, miningFeeSatMax, ...plan.fee },
      });
      diary.note(`a schedule of ${schedule.length} coinjoins has begun`);
      return tumble;
    } catch (error) {
      await walletd.revoke({ ...owned, id });
      throw error;
    }
  }

  async stop({ id }: Tumble): Promise<void> {
    await this.#options.taker.tumbleStop({ id });
    this.#options.diary.note("the schedule is stopped");
  }
}
