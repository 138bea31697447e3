/** Beginning to mix: of wishes that come at the same moment one is begun, and what its owner stops before it has begun never begins. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
import { makerContract } from "../../../../../bus/contracts/maker.ts";
import { takerContract } from "../../../../../bus/contracts/taker.ts";
import { type FakeActor, fakeActor } from "../../../../../bus/fake.ts";
import { TroupeError } from "../../../../../runtime/errors.ts";
import { NO_TUMBLES, PLAN, RUN } from "../../../../../tests/harness/coinjoin/taker-answers.ts";
import {
  type AskOptions,
  coinOf,
  TIP_HEIGHT,
  WalletDoor,
} from "../../../../../tests/harness/gateway/wallet-door.ts";
import { waitFor } from "../../../../../tests/harness/wait-for.ts";

const ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
const COINJOIN = { mixdepth: 0, amount_sats: 1, counterparties: 8, destination: ADDRESS };
const SCHEDULE = { destination_addresses: [ADDRESS] };
const MAKER = { txfee: "0", cjfee_a: "0", cjfee_r: "0.0003", ordertype: "sw0reloffer", minsize: "100000" };
type Entry = RpcOutput<typeof takerContract, "tumblePlan">["schedule"][number];
const ENTRY: Entry = [0, 0, 3, ADDRESS, 0, 16, 0];
const DRAWN = {
  ...{ schedule: [ENTRY], text: "", costs: null, makerFeesSatMax: 50, miningFeeSatMax: 600 },
  ...{ secondsLeft: 3_600, candidates: null },
};

/** Whoever asks waits until it is opened. */
class Barrier {
  waiting = 0;
  #open: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }

  async pass(): Promise<void> {
    this.waiting++;
    await this.#opened;
  }
}

let coins: Barrier;
let plans: Barrier;
let starts: Barrier;
let door: WalletDoor;
let token: string;
let taker: FakeActor<typeof takerContract>;

beforeEach(async () => {
  [coins, plans, starts] = [new Barrier(), new Barrier(), new Barrier()];
  door = await WalletDoor.start({
    handlers: {
      coins: async () => {
        await coins.pass();
        return { tip: { height: TIP_HEIGHT, hash: "0".repeat(64) }, coins: [coinOf()] };
      },
    },
  });
  ({ token } = await door.create());
  taker = await fakeActor(door.world, takerContract, {
    ...NO_TUMBLES,
    plan: async (wish) => {
      await plans.pass();
      return { ...PLAN, amountSat: wish.amountSat ?? 0 };
    },
    tumblePlan: async () => {
      await plans.pass();
      return DRAWN;
    },
    start: async () => {
      await starts.pass();
      return { id: RUN.id };
    },
    run: () => ({ ...RUN, isOver: false }),
    cancel: () => ({ isCancelled: true }),
  });
  for (const [field, value] of [
    ["max_cj_fee_abs", "1000"],
    ["max_cj_fee_rel", "0.001"],
  ]) {
    await ask("/configset", { body: { section: "POLICY", field, value } });
  }
});
afterEach(async () => {
  for (const barrier of [coins, plans, starts]) barrier.open();
  await taker.stop();
  await door.stop();
});

const ask = (path: string, options: AskOptions = {}) =>
  door.ask(`/wallet/rec.jmdat${path}`, { token, ...options });
const called = (wanted: string) => taker.calls.filter(({ method }) => method === wanted).length;
const granted = () => door.walletd.calls.filter(({ method }) => method === "grant").length;

it.each([
  ["/taker/coinjoin", COINJOIN, 401],
  ["/taker/schedule", SCHEDULE, 409],
] as const)("refuses %s while a CoinJoin is just beginning", async (path, body, refused) => {
  for (const barrier of [plans, starts]) barrier.open();
  const first = ask("/taker/coinjoin", { body: COINJOIN });
  await waitFor("the first to ask for the coins", () => coins.waiting === 1);
  let isAnswered = false;
  const second = ask(path, { body });
  void second.then(() => {
    isAnswered = true;
  });
  // The second is answered, or has come as far as the first.
  await waitFor("the second", () => isAnswered || coins.waiting === 2);
  coins.open();

  expect([(await first).status, (await second).status]).toEqual([202, refused]);
  expect([called("start"), called("tumbleStart"), granted()]).toEqual([1, 0, 1]);
});

it("refuses a CoinJoin while the wallet's offers are just going out", async () => {
  for (const barrier of [coins, plans]) barrier.open();
  const maker = await fakeActor(door.world, makerContract, {
    start: async () => {
      await starts.pass();
      throw new TroupeError({ code: "MAKER_TERMS", what: "test" }, "Not on these terms.");
    },
    status: () => ({ makers: [], usedCommitments: 0 }),
  });
  try {
    const offers = ask("/maker/start", { body: MAKER });
    await waitFor("the maker to be asked", () => starts.waiting === 1);
    const { status, json } = await ask("/taker/coinjoin", { body: COINJOIN });
    expect([status, json.message]).toEqual([401, "Service already started."]);
    starts.open();
    await offers;
    expect(called("plan")).toBe(0);
  } finally {
    starts.open();
    await maker.stop();
  }
});

/** Stopped before the market has answered what it would be asked. */
async function askAndStop(path: string, body: object) {
  coins.open();
  const wish = ask(path, { body });
  await waitFor("the plan to be asked for", () => plans.waiting === 1);
  expect((await ask("/taker/stop")).status).toBe(202);
  plans.open();
  return wish;
}

it("begins nothing that is stopped while it is planned", async () => {
  const { status, json } = await askAndStop("/taker/coinjoin", COINJOIN);
  // On a slow machine the wish is answered before it is stopped.
  if (status !== 202) expect([status, json.message]).toEqual([400, expect.stringMatching(/stopped before/)]);
  await waitFor("its end", async () => {
    return (await door.ask("/session", { token })).json.coinjoin_in_process === false;
  });
  expect([called("start"), granted()]).toEqual([0, 0]);
});

it("ends what is stopped after the taker was asked to begin it and before it has told which it is", async () => {
  for (const barrier of [coins, plans]) barrier.open();
  const wish = ask("/taker/coinjoin", { body: COINJOIN });
  await waitFor("the beginning", () => starts.waiting === 1);
  expect((await ask("/taker/stop")).status).toBe(202);
  expect(called("cancel")).toBe(0);
  starts.open();
  await wish;

  await waitFor("the end", () => called("cancel") === 1);
  expect(taker.calls.find(({ method }) => method === "cancel")?.input).toEqual({ id: RUN.id });
});

it("names a CoinJoin by its grant, and so knows one of before it was started anew: it is shown, stopped, and begun no second time", async () => {
  for (const barrier of [coins, plans, starts]) barrier.open();
  door.grants = [
    { id: "ab".repeat(8), caller: "maker", expiresAtS: 2_000_000_000, reservations: 0 },
    { id: RUN.id, caller: "taker", expiresAtS: 2_000_000_000, reservations: 1 },
  ];
  expect((await door.ask("/session", { token })).json).toMatchObject({ coinjoin_in_process: true });
  expect((await ask("/taker/coinjoin", { body: COINJOIN })).status).toBe(401);
  expect((await ask("/taker/stop")).status).toBe(202);
  const inputs = (wanted: string) =>
    taker.calls.flatMap(({ method, input }) => (method === wanted ? [input] : []));
  expect(inputs("cancel")).toEqual([{ id: RUN.id }]);
  taker.publisher.event("run.changed", { id: RUN.id, phase: "cancelled", isOver: true });
  await waitFor("its end", async () => {
    return (await door.ask("/session", { token })).json.coinjoin_in_process === false;
  });

  expect((await ask("/taker/coinjoin", { body: COINJOIN })).status).toBe(202);
  expect(inputs("start")).toMatchObject([{ id: "cd".repeat(8) }]);
});

it("begins no schedule that is stopped while it is drawn", async () => {
  const { status, json } = await askAndStop("/taker/schedule", SCHEDULE);
  expect([status, json.message]).toEqual([400, expect.stringMatching(/stopped before/)]);
  expect([called("tumbleStart"), granted()]).toEqual([0, 0]);
  expect((await door.ask("/session", { token })).json).toMatchObject({ coinjoin_in_process: false });
});
