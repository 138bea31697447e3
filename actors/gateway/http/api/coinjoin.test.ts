import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makerContract } from "../../../../bus/contracts/maker.ts";
import { takerContract } from "../../../../bus/contracts/taker.ts";
import { fakeActor } from "../../../../bus/fake.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import { NO_TUMBLES, PLAN, RUN } from "../../../../tests/harness/coinjoin/taker-answers.ts";
import { SocketClient } from "../../../../tests/harness/gateway/socket-client.ts";
import { type AskOptions, coinOf, WalletDoor } from "../../../../tests/harness/gateway/wallet-door.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";

let door: WalletDoor;
let token: string;
beforeEach(async () => {
  door = await WalletDoor.start();
  ({ token } = await door.create());
});
afterEach(() => door.stop());

const ask = (path: string, options: AskOptions = {}) =>
  door.ask(`/wallet/rec.jmdat${path}`, { token, ...options });
const askedOf = (method: string) =>
  door.walletd.calls.flatMap((call) => (call.method === method ? [call.input] : []));

const ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";

describe("CoinJoins", () => {
  const coinjoin = { mixdepth: 0, amount_sats: 1, counterparties: 8, destination: ADDRESS };
  const MAKER = {
    ...{ wallet: "rec", grantId: "cd".repeat(8), state: "offering" as const, why: null, nick: "J5abc" },
    ...{ sinceS: 1_700_000_000, channels: [], hasBond: false, isFree: false, joins: [] },
    ...{ asked: 0, signed: 0, seen: 0, earnedSat: 0 },
    offers: [{ offerId: "0", type: "sw0reloffer", minSat: 1, maxSat: 9, txfeeSat: 0, fee: "0.0003" }],
  };
  const OFFER_REST = { maxSizeSat: 9, txfeeSat: 0, fee: "250", bondValue: 12 };
  const allowFees = async () => {
    for (const field of ["max_cj_fee_abs", "max_cj_fee_rel"]) {
      await ask("/configset", {
        body: { section: "POLICY", field, value: field.endsWith("rel") ? "0.0003" : "1" },
      });
    }
  };
  const granted = () => askedOf("grant").map((input) => (input as { limits: unknown }).limits);
  const offer = { txfee: "0", cjfee_a: "0", cjfee_r: "0.0003", ordertype: "sw0reloffer", minsize: "100000" };

  it("want limits for the fees first, and coins; then the taker is missing", async () => {
    const run = (more: object = {}) => ask("/taker/coinjoin", { body: { ...coinjoin, ...more } });
    expect((await run()).status).toBe(409);
    await allowFees();
    const poor = await run();
    expect([poor.status, poor.json.message]).toEqual([409, expect.stringMatching(/0 sat that can be spent/)]);
    door.coins = [coinOf()];
    expect((await run()).status).toBe(503);
    expect((await ask("/taker/schedule", { body: { destination_addresses: [ADDRESS] } })).status).toBe(503);
    expect((await ask("/tumbler/plan", { body: { destinations: [ADDRESS] } })).status).toBe(503);
    expect((await run({ counterparties: 21 })).status).toBe(400);
  });

  it("give the miners what is asked or set, and take the coins that are named", async () => {
    const planned: Record<string, unknown>[] = [];
    const began: Record<string, unknown>[] = [];
    const taker = await fakeActor(door.world, takerContract, {
      ...NO_TUMBLES,
      plan: (wish) => {
        planned.push(wish);
        return { ...PLAN, amountSat: wish.amountSat ?? 0 };
      },
      start: (wish) => {
        began.push(wish);
        return { id: "0123456789abcdef" };
      },
      run: () => ({ ...RUN, isOver: true }),
    });
    try {
      await allowFees();
      const [first, second] = [coinOf(), coinOf({ index: 1, amountSat: 7_000 })];
      door.coins = [first, second, coinOf({ index: 2, mixdepth: 1 }), coinOf({ index: 3, isFrozen: true })];
      const run = (more: object = {}) => ask("/taker/coinjoin", { body: { ...coinjoin, ...more } });
      await run({ txfee: 12 });
      await run({ txfee: "1500" });
      await ask("/configset", { body: { section: "POLICY", field: "tx_fees", value: "5" } });
      await run();
      expect((await run({ input_utxos: [`${second.txid}:1`] })).status).toBe(202);
      expect(planned).toMatchObject([
        { feeBlocks: 12, coins: 1 },
        { satPerVb: 1.5 },
        { feeBlocks: 5 },
        { availableSat: 7_000, coins: 1 },
      ]);
      expect(began.map(({ coins }) => coins)).toEqual([
        ...[undefined, undefined, undefined],
        [{ txid: second.txid, index: 1 }],
      ]);
      expect(began.map(({ satPerVb }) => satPerVb)).toEqual([1, 1, 1, 1]);
      for (const index of [2, 3, 4]) {
        const { status, json } = await run({ input_utxos: [`${first.txid}:0`, `${first.txid}:${index}`] });
        expect([status, json.message]).toEqual([409, expect.stringMatching(/cannot be mixed now/)]);
      }
    } finally {
      await taker.stop();
    }
  });

  it("keep to the limits that are set, and are not begun when those are no numbers", async () => {
    const wishes: { limits?: unknown; makers?: number | undefined; makersMin?: number | undefined }[] = [];
    const taker = await fakeActor(door.world, takerContract, {
      ...NO_TUMBLES,
      plan: (wish) => {
        wishes.push(wish);
        throw new TroupeError({ code: "TAKER_FEW_MAKERS", found: 1, wanted: 4 }, "One maker is there.");
      },
    });
    try {
      door.coins = [coinOf()];
      const set = (field: string, value: string) =>
        ask("/configset", { body: { section: "POLICY", field, value } });
      const run = () => ask("/taker/coinjoin", { body: coinjoin });
      await set("max_cj_fee_abs", "5000");
      await set("max_cj_fee_rel", "3e-4");
      expect((await run()).json.message).toBe("One maker is there.");
      await set("minimum_makers", "2");
      await run();
      await set("minimum_makers", "12");
      await run();
      await set("minimum_makers", "many");
      await run();
      expect(wishes.map(({ makersMin }) => makersMin)).toEqual([4, 2, 8, 4]);
      expect(wishes[0]).toMatchObject({ limits: { absoluteSat: 5_000, relative: "0.0003" }, makers: 8 });
      for (const [field, value] of [
        ["max_cj_fee_rel", "1"],
        ["max_cj_fee_abs", "-5"],
      ] as const) {
        await set(field, value);
        const { status, json } = await run();
        expect([status, json.message]).toEqual([400, expect.stringMatching(/no amount and no share/)]);
      }
      expect(wishes).toHaveLength(4);
    } finally {
      await taker.stop();
    }
  });

  it("are planned, granted no more than the plan says, and told of until they are over", async () => {
    const began: unknown[] = [];
    let isOver = false;
    const taker = await fakeActor(door.world, takerContract, {
      ...NO_TUMBLES,
      plan: (wish) => ({ ...PLAN, amountSat: wish.amountSat ?? 0 }),
      start: (wish) => {
        began.push(wish);
        return { id: "0123456789abcdef" };
      },
      run: () => ({ ...RUN, isOver }),
      cancel: () => ({ isCancelled: true }),
    });
    try {
      await allowFees();
      door.coins = [coinOf()];
      expect((await ask("/taker/coinjoin", { body: { ...coinjoin, destination: "INTERNAL" } })).status).toBe(
        202,
      );
      const session = () => door.ask("/session", { token });
      expect((await session()).json).toMatchObject({ coinjoin_in_process: true });
      expect((await ask("/taker/coinjoin", { body: coinjoin })).json.message).toBe(
        "Service already started.",
      );
      expect((await ask("/maker/start", { body: offer })).json.message).toBe("Service already started.");
      expect((await ask("/taker/stop")).status).toBe(202);
      isOver = true;
      expect((await session()).json).toMatchObject({ coinjoin_in_process: false });
      expect(began).toMatchObject([
        {
          amountSat: 1,
          destination: null,
          mixdepth: 0,
          plan: PLAN.plan,
          makerFeesSatMax: 3,
          miningFeeSatMax: 900,
        },
      ]);
      expect(granted()).toEqual([
        {
          mixdepths: [0],
          amountSatMax: 1,
          totalSatMax: 1,
          daySatMax: 0,
          destinations: [],
          makerFeesSatMax: 3,
          miningFeeSatMax: 900,
        },
      ]);
    } finally {
      await taker.stop();
    }
  });

  it("by a maker want a confirmed coin that is no bond; then the maker is missing, and its grant is taken back", async () => {
    const run = (more: object = {}) => ask("/maker/start", { body: { ...offer, ...more } });
    door.coins = [coinOf({ confirmations: 0, height: null }), coinOf({ index: 1, locktimeS: 1_893_456_000 })];
    const refused = await run();
    expect(refused.status).toBe(409);
    expect(refused.json.message).toBe("Maker could not start, no confirmed coins.");
    door.coins = [coinOf()];
    expect((await run()).status).toBe(503);
    expect(askedOf("revoke")).toHaveLength(1);
    const wrong = [
      { txfee: "x" },
      { minsize: "" },
      { ordertype: "reloffer" },
      { cjfee_r: "" },
      { cjfee_r: "1" },
    ];
    for (const more of wrong) expect((await run(more)).status).toBe(400);
  });

  it("by a maker are offered as asked, shown in the session, and withdrawn", async () => {
    const terms: unknown[] = [];
    let isEarning = false;
    const maker = await fakeActor(door.world, makerContract, {
      start: (ask) => {
        terms.push([ask.wallet, ask.terms]);
        isEarning = true;
        return MAKER;
      },
      stop: () => {
        isEarning = false;
        return { grantId: MAKER.grantId };
      },
      status: () => ({ makers: isEarning ? [MAKER] : [], usedCommitments: 0 }),
    });
    try {
      door.coins = [coinOf()];
      expect((await ask("/maker/start", { body: { ...offer, cjfee_r: "3e-7" } })).status).toBe(202);
      const { json } = await door.ask("/session", { token });
      expect(json).toMatchObject({ maker_running: true, nickname: MAKER.nick });
      expect(json.offer_list).toEqual([
        { oid: 0, ordertype: "sw0reloffer", minsize: 1, maxsize: 9, txfee: 0, cjfee: "0.0003" },
      ]);
      expect((await ask("/maker/start", { body: offer })).json.message).toBe("Service already started.");
      const freeze = { body: { "utxo-string": `${"ab".repeat(32)}:0`, freeze: true } };
      expect((await ask("/freeze", freeze)).status).toBe(400);
      const stranger = (await door.ask("/session")).json;
      expect(stranger).toMatchObject({ maker_running: true, offer_list: null, nickname: null });
      expect((await ask("/maker/stop")).status).toBe(202);
      expect((await ask("/freeze", freeze)).status).toBe(200);
      expect((await door.ask("/session", { token })).json).toMatchObject({
        ...{ maker_running: false, offer_list: null, nickname: null },
      });
      // The others know wallets, not files.
      expect(terms).toEqual([
        ["rec", { offers: "relative", relativeFee: "0.0000003", txfeeSat: 0, minSat: 100_000 }],
      ]);
    } finally {
      await maker.stop();
    }
  });

  describe("are told over the WebSocket", () => {
    let client: SocketClient;
    const others: { stop(): Promise<void> }[] = [];
    const told = () => client.frames.map((frame) => frame.coinjoin_state);
    beforeEach(async () => {
      client = new SocketClient(`ws://127.0.0.1:${door.port}/jmws`);
      await client.opened();
      client.socket.send(token);
      await client.heard();
      await allowFees();
      door.coins = [coinOf()];
    });
    afterEach(async () => {
      client.socket.terminate();
      for (const other of others.splice(0)) await other.stop();
    });
    const log = async () => (await door.ask("/jam/api/v0/log/jmwalletd_stdout.log", { token })).text;

    async function takerWith(run: () => typeof RUN & { isOver: boolean }, start = () => ({ id: RUN.id })) {
      const taker = await fakeActor(door.world, takerContract, {
        ...NO_TUMBLES,
        plan: (wish) => ({ ...PLAN, amountSat: wish.amountSat ?? 0 }),
        start,
        run,
      });
      others.push(taker);
      return taker;
    }

    it("when they begin and, by the taker, when they end, however that is; others' do not matter", async () => {
      let isOver = false;
      const taker = await takerWith(() => ({ ...RUN, progress: "Too few makers signed.", isOver }));
      expect((await ask("/taker/coinjoin", { body: coinjoin })).status).toBe(202);
      await waitFor("the beginning", () => told().length === 1);
      taker.publisher.event("run.changed", { id: "f".repeat(16), phase: "failed", isOver: true });
      taker.publisher.event("run.changed", { id: RUN.id, phase: "sign", isOver: false });
      isOver = true;
      taker.publisher.event("run.changed", { id: RUN.id, phase: "failed", isOver: true });
      await waitFor("the end", () => told().length > 1);
      expect(told()).toEqual([0, 2]);
      await waitFor("the log", async () => /the coinjoin is over: Too few makers signed\./.test(await log()));
    });

    it("also when they end before anybody knew that they are ours", async () => {
      await takerWith(() => ({ ...RUN, isOver: true }));
      await ask("/taker/coinjoin", { body: coinjoin });
      await waitFor("the end", () => told().length === 2);
      expect(told()).toEqual([0, 2]);
    });

    it("also when the taker that carried them out is no more", async () => {
      const first = await takerWith(() => ({ ...RUN, isOver: false }));
      await ask("/taker/coinjoin", { body: coinjoin });
      first.publisher.event("run.changed", { id: RUN.id, phase: "sign", isOver: false });
      await first.stop();
      const second = await takerWith(() => {
        throw new TroupeError({ code: "TAKER_NO_SUCH_RUN", id: RUN.id }, "There is no such run.");
      });
      second.publisher.event("run.changed", { id: "f".repeat(16), phase: "fill", isOver: false });
      await waitFor("the end", () => told().length === 2);
      expect(told()).toEqual([0, 2]);
    });

    it("and that there is none when it cannot begin", async () => {
      await takerWith(
        () => ({ ...RUN, isOver: false }),
        () => {
          throw new TroupeError({ code: "TAKER_BUSY", most: 4 }, "Four run already.");
        },
      );
      expect((await ask("/taker/coinjoin", { body: coinjoin })).status).toBe(400);
      await waitFor("the end", () => told().length === 2);
      expect(told()).toEqual([0, 2]);
      expect(askedOf("revoke")).toHaveLength(1);
    });

    it("when the maker says that the wallet earns, and when it has stopped, by whomever", async () => {
      const maker = await fakeActor(door.world, makerContract, {});
      others.push(maker);
      const says = (makers: { wallet: string; state: "offering" | "ended" }[]) =>
        maker.publisher.state("makers", { makers: makers.map((one) => ({ ...one, nick: "J5abc" })) });
      says([{ wallet: "another", state: "offering" }]);
      says([{ wallet: "rec", state: "offering" }]);
      await waitFor("the maker", () => told().length === 1);
      says([{ wallet: "rec", state: "ended" }]);
      await waitFor("its end", () => told().length === 2);
      expect(told()).toEqual([1, 2]);
    });
  });

  it("that do not run cannot be stopped, and are not told of", async () => {
    for (const path of ["/maker/stop", "/taker/stop"]) {
      const { status, json } = await ask(path);
      expect(status).toBe(401);
      expect(json.message).toBe("Service cannot be stopped as it is not running.");
    }
    expect((await ask("/tumbler/stop", { method: "POST" })).status).toBe(401);
    for (const path of ["/taker/schedule", "/tumbler/status"]) expect((await ask(path)).status).toBe(404);
    const { json } = await door.ask("/session", { token });
    expect(json).toMatchObject({ maker_running: false, coinjoin_in_process: false });
  });

  it("have the market's order book, asked for once in a while", async () => {
    let asked = 0;
    const offers = [{ ...{ nick: "J5xyz", oid: "0", type: "sw0absoffer", minSizeSat: 1 }, ...OFFER_REST }];
    const bond = {
      ...{ nick: "J5xyz", txid: "ab".repeat(32), index: 1, value: 12, amountSat: 5_000 },
      ...{ locktimeS: 1_893_456_000, script: "0020", publicKey: `02${"00".repeat(32)}` },
      ...{ confirmations: 10, confirmedAtS: 1_700_000_000, certificateExpiry: 403 },
    };
    const taker = await fakeActor(door.world, takerContract, {
      ...NO_TUMBLES,
      orderbook: () => ({ channels: [], makers: 1, offers: asked++ === 0 ? offers : [], bonds: [bond] }),
    });
    try {
      const book = () => door.ask("/obwatch/orderbook.json");
      const [first, second] = await Promise.all([book(), book()]);
      expect(first.json).toEqual(second.json);
      expect(first.json.offers).toEqual([
        {
          ...{ counterparty: "J5xyz", ordertype: "sw0absoffer", oid: 0, minsize: 1, maxsize: 9 },
          ...{ txfee: 0, cjfee: 250, fidelity_bond_value: 12 },
        },
      ]);
      expect(first.json.fidelitybonds).toEqual([
        {
          ...{ counterparty: "J5xyz", utxo: { txid: bond.txid, vout: 1 }, bond_value: 12 },
          ...{ locktime: 1_893_456_000, amount: 5_000, script: "0020", utxo_pub: bond.publicKey },
          ...{ utxo_confirmations: 10, utxo_confirmation_timestamp: 1_700_000_000, cert_expiry: 403 },
        },
      ]);
      expect((await door.ask("/api/v1/obwatch/refreshorderbook")).json).toEqual(first.json);
      expect(asked).toBe(1);
    } finally {
      await taker.stop();
    }
  });

  it("have an order book without offers when the taker is away", async () => {
    expect((await door.ask("/obwatch/orderbook.json")).json).toEqual({ offers: [], fidelitybonds: [] });
    expect((await door.ask("/obwatch/refreshorderbook", { method: "POST" })).status).toBe(200);
  });
});
