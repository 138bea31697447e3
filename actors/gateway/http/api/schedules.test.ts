import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RpcInput, RpcOutput } from "../../../../bus/contract/contract.ts";
import { takerContract } from "../../../../bus/contracts/taker.ts";
import { type FakeActor, fakeActor } from "../../../../bus/fake.ts";
import { SocketClient } from "../../../../tests/harness/gateway/socket-client.ts";
import { type AskOptions, coinOf, WalletDoor } from "../../../../tests/harness/gateway/wallet-door.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";

type Taker = typeof takerContract;
type Tumble = RpcOutput<Taker, "tumble">;

const ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
const TXID = "ab".repeat(32);
const SCHEDULE: Tumble["schedule"] = [
  [0, 0, 3, "INTERNAL", 12.5, 16, 0],
  [1, 0.4, 4, "INTERNAL", 1, 2, 0],
  [1, 0, 3, ADDRESS, 0, 16, 0],
];
const TUMBLE: Tumble = {
  ...{ id: "0123456789abcdef", version: 1, wallet: "rec", state: "mixing", isOver: false },
  ...{ progress: "Coinjoin 1 of 3.", schedule: SCHEDULE, entry: 0, failed: 0, run: null, untilS: null },
  ...{ confirmations: null, secondsLeft: 3_600, sent: [], failures: [] },
  ...{ makerFeesSatMax: 50, miningFeeSatMax: 600 },
  ...{ startedAtS: 1_700_000_000, endedAtS: null },
};
const SENT = {
  ...{ entry: 0, txid: TXID, amountSat: 50_000_000, makers: 3 },
  ...{ makerFeesSat: 30, miningFeeSat: 200, atS: 1_700_000_100 },
};

let door: WalletDoor;
let token: string;
let taker: FakeActor<Taker>;
let tumble: Tumble | undefined;
let planned: RpcInput<Taker, "tumblePlan">[];
let started: RpcInput<Taker, "tumbleStart">[];

beforeEach(async () => {
  door = await WalletDoor.start();
  ({ token } = await door.create());
  door.coins = [coinOf(), coinOf({ index: 1, mixdepth: 2 }), coinOf({ index: 2, confirmations: 0 })];
  tumble = undefined;
  planned = [];
  started = [];
  taker = await fakeActor(door.world, takerContract, {
    tumblePlan: (wish) => {
      planned.push(wish);
      return {
        ...{ schedule: SCHEDULE, text: "", costs: null, makerFeesSatMax: 50, miningFeeSatMax: 600 },
        ...{ secondsLeft: 3_600, candidates: null },
      };
    },
    tumbleStart: (wish) => {
      started.push(wish);
      tumble = TUMBLE;
      return TUMBLE;
    },
    tumbles: () => ({ tumbles: tumble === undefined ? [] : [tumble] }),
    tumbleStop: () => {
      tumble = { ...(tumble ?? TUMBLE), state: "stopped", isOver: true, endedAtS: 1_700_000_500 };
      return tumble;
    },
  });
  for (const [field, value] of [
    ["max_cj_fee_abs", "1000"],
    ["max_cj_fee_rel", "0.001"],
  ]) {
    await ask("/configset", { body: { section: "POLICY", field, value } });
  }
});
afterEach(async () => {
  await taker.stop();
  await door.stop();
});

const ask = (path: string, options: AskOptions = {}) =>
  door.ask(`/wallet/rec.jmdat${path}`, { token, ...options });
const session = async () => (await door.ask("/session", { token })).json;
const granted = () =>
  door.walletd.calls.flatMap(({ method, input }) =>
    method === "grant" ? [(input as { limits: unknown }).limits] : [],
  );
const begin = (more: object = {}) =>
  ask("/taker/schedule", { body: { destination_addresses: [ADDRESS], ...more } });
const LIMITS = { destinations: [ADDRESS], makerFeesSatMax: 50, miningFeeSatMax: 600, daySatMax: 0 };

describe("a schedule", () => {
  it("is drawn for all that can be spent, begun with no more than it needs, shown, and stopped", async () => {
    expect((await ask("/taker/schedule")).status).toBe(404);
    const { status, json } = await begin();
    expect([status, json]).toEqual([202, { schedule: SCHEDULE }]);
    expect(planned).toMatchObject([
      {
        availableSat: [50_000_000, 0, 50_000_000, 0, 0],
        destinations: [ADDRESS],
        options: { destinations: 1, makersMin: 4 },
        limits: { absoluteSat: 1_000, relative: "0.001" },
      },
    ]);
    expect(granted()).toEqual([LIMITS]);
    expect(started).toMatchObject([{ wallet: "rec", schedule: SCHEDULE, makerFeesSatMax: 50 }]);

    tumble = { ...TUMBLE, schedule: [[0, 0, 3, "INTERNAL", 12.5, 16, TXID], ...SCHEDULE.slice(1)] };
    expect((await ask("/taker/schedule")).json).toEqual({ schedule: tumble.schedule });
    expect(await session()).toMatchObject({ coinjoin_in_process: true, schedule: tumble.schedule });
    for (const path of ["/taker/schedule", "/taker/coinjoin", "/maker/start"]) {
      const other = {
        ...{ destination_addresses: [ADDRESS], mixdepth: 0, amount_sats: 1, counterparties: 3 },
        ...{ destination: ADDRESS, txfee: "0", cjfee_a: "0", cjfee_r: "0", minsize: "1" },
      };
      const answer = await ask(path, { body: { ...other, txfee: 3, ordertype: "sw0absoffer" } });
      const status = path === "/taker/schedule" ? 409 : 401;
      expect([path, answer.status, answer.json.message]).toEqual([path, status, "Service already started."]);
    }

    const byHand = async () => [
      await ask("/freeze", { body: { "utxo-string": `${TXID}:0`, freeze: true } }),
      await ask("/taker/direct-send", { body: { mixdepth: 0, amount_sats: 0, destination: ADDRESS } }),
    ];
    for (const { status, json } of await byHand()) {
      expect([status, json.message]).toEqual([400, expect.stringMatching(/schedule runs/)]);
    }
    expect((await door.ask("/session")).json).toMatchObject({ coinjoin_in_process: true, schedule: null });

    expect((await ask("/taker/stop")).status).toBe(202);
    expect((await byHand())[0]?.status).toBe(200);
    expect(await session()).toMatchObject({ coinjoin_in_process: false, schedule: null });
    expect((await ask("/taker/schedule")).status).toBe(404);
    expect((await ask("/taker/stop")).status).toBe(401);
  });

  it("is drawn by the options of joinmarket-clientserver, and those that say nothing here are left", async () => {
    const tumbler_options = {
      ...{ addrcount: 3, minmakercount: 2, makercountrange: [5, 1], mixdepthcount: 3, mintxcount: 1 },
      ...{ txcountparams: [1, 0], timelambda: 0.025, stage1_timelambda_increase: 1, liquiditywait: 13 },
      ...{ waittime: 0, mincjamount: 7_000, rounding_chance: 0.5, rounding_sigfig_weights: [1, 2, 3, 4, 5] },
    };
    expect((await begin({ tumbler_options })).status).toBe(202);
    expect(planned[0]?.options).toMatchObject({
      ...{ destinations: 1, makersMin: 2, makers: { mean: 5, spread: 1 }, mixdepths: 3, coinjoinsMin: 1 },
      ...{ coinjoins: { mean: 1, spread: 0 }, waitMinutes: 0.025, firstWaitFactor: 1, amountSatMin: 7_000 },
      ...{ roundedPercent: 50, roundingWeights: [1, 2, 3, 4, 5] },
    });
    expect(started[0]?.rules).toMatchObject({ amountSatMin: 7_000, retrySeconds: 13, makersMin: 2 });
    expect((await begin({ tumbler_options: { timelambda: "x" } })).status).toBe(400);
  });

  it("gives the miners what the wallet's setting says", async () => {
    const set = (value: string) =>
      ask("/configset", { body: { section: "POLICY", field: "tx_fees", value } });
    await set("7");
    await begin();
    tumble = undefined;
    await set("2500");
    await begin();
    expect(planned).toMatchObject([{ feeBlocks: 7 }, { satPerVb: 2.5 }]);
    expect(started).toMatchObject([{ feeBlocks: 7 }, { satPerVb: 2.5 }]);
  });

  it("wants limits for the fees, coins, and addresses", async () => {
    door.coins = [];
    expect((await begin()).json.message).toBe("Tumbler could not start, no confirmed coins.");
    expect((await begin({ destination_addresses: [] })).status).toBe(400);
    await ask("/lock");
    const { token: other } = await door.create("second.jmdat");
    const body = { destination_addresses: [ADDRESS] };
    const refused = await door.ask("/wallet/second.jmdat/taker/schedule", { token: other, body });
    expect(refused.status).toBe(409);
    expect(started).toEqual([]);
  });

  it("that waits for its owner since the wallet was locked does not run, and makes room for another", async () => {
    tumble = { ...TUMBLE, state: "grant" };
    expect(await session()).toMatchObject({ coinjoin_in_process: false, schedule: null });
    expect((await begin()).status).toBe(202);
    expect(taker.calls.map(({ method }) => method)).toContain("tumbleStop");
  });

  it("is told of over the WebSocket, when it begins and when it is done", async () => {
    const client = new SocketClient(`ws://127.0.0.1:${door.port}/jmws`);
    await client.opened();
    client.socket.send(token);
    await client.heard();
    await begin();
    const changed = { id: TUMBLE.id, wallet: "rec" };
    taker.publisher.event("tumble.changed", { ...changed, wallet: "another", state: "done", isOver: true });
    taker.publisher.event("tumble.changed", { ...changed, state: "waiting", isOver: false });
    taker.publisher.event("tumble.changed", { ...changed, state: "done", isOver: true });
    await waitFor("the end", () => client.frames.length > 3);
    const plan = { event: "plan_updated", wallet_name: "rec.jmdat", status: "running", current_phase: 0 };
    const updated = { tumbler: { ...plan, total_phases: SCHEDULE.length } };
    expect(client.frames).toEqual([{ coinjoin_state: 0 }, updated, { coinjoin_state: 2 }, updated]);
    client.socket.terminate();
  });
});

describe("a plan of JoinMarket-NG's clients", () => {
  const plan = (more: object = {}) => ask("/tumbler/plan", { body: { destinations: [ADDRESS], ...more } });
  const start = () => ask("/tumbler/start", { method: "POST" });
  const stop = () => ask("/tumbler/stop", { method: "POST" });
  const status = () => ask("/tumbler/status");
  const remove = () => ask("/tumbler/plan", { method: "DELETE" });

  it("is made, begun, followed, stopped and thrown away", async () => {
    expect([(await start()).status, (await status()).status, (await remove()).status]).toEqual([
      404, 404, 404,
    ]);
    expect((await stop()).status).toBe(401);
    const made = await plan();
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      ...{ wallet_name: "rec.jmdat", status: "pending", destinations: [ADDRESS], current_phase: 0 },
      ...{ error: null, stale: false },
    });
    expect(made.json.phases).toMatchObject([
      { kind: "taker_coinjoin", index: 0, amount: 0, amount_fraction: null, wait_seconds: 750, txid: null },
      { index: 1, amount: null, amount_fraction: 0.4, counterparty_count: 4, destination: "INTERNAL" },
      { index: 2, mixdepth: 1, destination: ADDRESS, status: "pending" },
    ]);
    expect((await status()).json).toEqual(made.json);
    expect(granted()).toEqual([]);
    expect((await plan()).status).toBe(400);
    expect((await plan({ force: true })).status).toBe(201);

    expect((await start()).status).toBe(202);
    expect(granted()).toEqual([LIMITS]);
    expect((await start()).json.message).toBe("Service already started.");
    expect((await plan({ force: true })).json.message).toBe("Service already started.");
    expect((await remove()).status).toBe(400);
    tumble = {
      ...TUMBLE,
      ...{ schedule: [[0, 0, 3, "INTERNAL", 12.5, 16, 1], ...SCHEDULE.slice(1)], entry: 1, sent: [SENT] },
      failures: [{ entry: 1, run: null, code: "X", message: "Too few makers.", atS: 1_700_000_200 }],
    };
    const { json } = await status();
    expect(json).toMatchObject({
      status: "running",
      current_phase: 1,
      updated_at: "2023-11-14T22:16:40.000Z",
    });
    expect(json.phases).toMatchObject([
      { status: "completed", txid: TXID, attempt_count: 1, finished_at: "2023-11-14T22:15:00.000Z" },
      { status: "running", error: "Too few makers.", attempt_count: 1 },
      { status: "pending", error: null, attempt_count: 0 },
    ]);

    expect((await stop()).status).toBe(202);
    expect((await status()).json).toMatchObject({ status: "cancelled", error: "Coinjoin 1 of 3." });
    expect((await start()).status).toBe(400);
    expect((await remove()).status).toBe(204);
    expect([(await status()).status, (await remove()).status]).toEqual([404, 404]);
  });

  it("takes the parameters of its clients, also the older ones", async () => {
    const parameters = {
      ...{ maker_count_min: 3, maker_count_max: 7, time_lambda_seconds: 120, stage1_wait_multiplier: 2 },
      ...{ mincjamount_sats: 9_000, include_maker_sessions: true, seed: 4 },
    };
    await plan({ parameters });
    expect(planned[0]?.options).toMatchObject({
      ...{ destinations: 1, makersMin: 3, makers: { mean: 5, spread: 1 }, waitMinutes: 2 },
      ...{ firstWaitFactor: 2, amountSatMin: 9_000 },
    });
    await plan({ force: true, parameters: { makercountrange: [1, 0], minmakercount: 1, timelambda: 0.5 } });
    expect(planned[1]?.options).toMatchObject({
      ...{ destinations: 1, makersMin: 1, makers: { mean: 1, spread: 0 }, waitMinutes: 0.5 },
    });
  });
});
