import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { networkByName } from "../../../../bitcoin/network.ts";
import type { RpcOutput } from "../../../../bus/contract/contract.ts";
import { makerContract } from "../../../../bus/contracts/maker.ts";
import type { walletdContract } from "../../../../bus/contracts/walletd.ts";
import { fakeActor } from "../../../../bus/fake.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import { RAW_TX } from "../../../../tests/harness/gateway/raw-tx.ts";
import {
  type AskOptions,
  coinOf,
  WalletDoor,
  type WalletDoorOptions,
} from "../../../../tests/harness/gateway/wallet-door.ts";
import { transactionInfo } from "./spending/transaction-info.ts";

let door: WalletDoor;
let token: string;

async function begin(options: WalletDoorOptions = {}): Promise<void> {
  await door?.stop();
  door = await WalletDoor.start(options);
  ({ token } = await door.create());
}
beforeEach(() => begin());
afterEach(() => door.stop());

const ask = (path: string, options: AskOptions = {}) =>
  door.ask(`/wallet/rec.jmdat${path}`, { token, ...options });
const askedOf = (method: string) =>
  door.walletd.calls.flatMap((call) => (call.method === method ? [call.input] : []));

const ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
const TXID = "ab".repeat(32);

/** A coinjoin that our maker was in. */
const ENTRY: RpcOutput<typeof walletdContract, "history">["entries"][number] = {
  txid: TXID,
  height: 100,
  confirmations: 22,
  timeS: 1_700_000_000,
  kind: "cj internal",
  role: "maker",
  isCoinjoin: true,
  changeSat: 240,
  balanceSat: 1_000,
  amountSat: 500,
  feeSat: null,
  coinjoinSat: 500,
  participants: 3,
  fromMixdepth: 0,
  toMixdepth: 1,
  coins: 2,
  destination: ADDRESS,
  changeAddress: null,
  spent: [{ txid: TXID, index: 1 }],
  label: "",
  note: {
    role: "maker",
    isSuccess: true,
    failure: null,
    amountSat: 500,
    inputs: 1,
    inputSat: 700,
    peers: ["J5abc", "J5def"],
    feeReceivedSat: 250,
    txfeeContributionSat: 10,
    makerFeesSat: 0,
    miningFeeSat: 0,
    startedAtS: 1_699_999_940,
    completedAtS: null,
    broadcastBy: "J5abc",
  },
};

describe("the wallet on display", () => {
  const display: RpcOutput<typeof walletdContract, "display"> = {
    tip: null,
    totalSat: 80_000_000,
    availableSat: 60_000_000,
    accounts: Array.from({ length: 5 }, (_, mixdepth) => ({
      mixdepth,
      balanceSat: mixdepth === 0 ? 80_000_000 : 0,
      availableSat: mixdepth === 0 ? 60_000_000 : 0,
      branches:
        mixdepth > 0
          ? []
          : [
              {
                kind: "external" as const,
                path: "m/84'/1'/0'/0",
                xpub: "tpubX",
                balanceSat: 60_000_000,
                availableSat: 60_000_000,
                entries: [
                  ["new", false, false, null],
                  ["used", false, false, null],
                  ["deposit", false, true, null],
                  ["coinjoin-output", true, false, null],
                  ["coinjoin-change", false, false, null],
                  ["change", true, true, null],
                  ["reused", false, false, null],
                  ["deposit", true, false, 4_102_444_800],
                  ["deposit", false, false, 1_577_836_800],
                ].map(([use, hasFrozen, hasUnconfirmed, locktimeS], index) => ({
                  path: `m/84'/1'/0'/0/${index}`,
                  index,
                  address: ADDRESS,
                  use: use as "new",
                  label: "rent",
                  amountSat: 1,
                  availableSat: 0,
                  coins: 1,
                  hasFrozen: hasFrozen as boolean,
                  hasUnconfirmed: hasUnconfirmed as boolean,
                  locktimeS: locktimeS as number | null,
                })),
              },
              {
                kind: "internal" as const,
                path: "m/84'/1'/0'/1",
                xpub: null,
                balanceSat: 0,
                availableSat: 0,
                entries: [],
              },
              {
                kind: "bonds" as const,
                path: "m/84'/1'/0'/2",
                xpub: "tpubB",
                balanceSat: 20_000_000,
                availableSat: 0,
                entries: [],
              },
            ],
    })),
  };

  it("has five accounts, amounts as text, branches with tabs, and JoinMarket's words", async () => {
    await begin({ handlers: { display: () => display } });
    const { status, json } = await ask("/display");
    expect(status).toBe(200);
    const { walletinfo } = json;
    expect(json.walletname).toBe("rec.jmdat");
    expect(walletinfo).toMatchObject({
      wallet_name: "JM wallet",
      total_balance: "0.80000000",
      available_balance: "0.60000000",
    });
    expect(walletinfo.accounts.map(({ account }: { account: string }) => account)).toEqual([
      "0",
      "1",
      "2",
      "3",
      "4",
    ]);
    const [first] = walletinfo.accounts;
    expect(first).toMatchObject({ account_balance: "0.80000000", available_balance: "0.60000000" });
    expect(first.branches.map(({ branch }: { branch: string }) => branch)).toEqual([
      "external addresses\tm/84'/1'/0'/0\ttpubX",
      "internal addresses\tm/84'/1'/0'/1\t",
      "internal addresses\tm/84'/1'/0'/2\ttpubB",
    ]);
    expect(first.branches[0].entries[0]).toEqual({
      hd_path: "m/84'/1'/0'/0/0",
      address: ADDRESS,
      status: "new",
      label: "rent",
      extradata: "",
      amount: "0.00000001",
      available_balance: "0.00000000",
    });
    expect(first.branches[0].entries.map(({ status: word }: { status: string }) => word)).toEqual([
      "new",
      "used",
      "deposit [PENDING]",
      "cj-out [FROZEN]",
      "change-out",
      "non-cj-change [FROZEN] [PENDING]",
      "reused",
      "2100-01-01 [LOCKED] [FROZEN]",
      "2020-01-01 [UNLOCKED]",
    ]);
  });
});

describe("coins", () => {
  it("have a lock time only when they are bonds", async () => {
    door.coins = [
      coinOf(),
      coinOf({ index: 1, path: "m/84'/1'/0'/2/120:1893456000", locktimeS: 1_893_456_000 }),
    ];
    const { json } = await ask("/utxos");
    expect(json.utxos[0]).toEqual({
      address: ADDRESS,
      path: "m/84'/1'/0'/0/0",
      label: "",
      value: 50_000_000,
      tries: 0,
      tries_remaining: 3,
      external: false,
      mixdepth: 0,
      confirmations: 1,
      frozen: false,
      utxo: `${TXID}:0`,
    });
    expect(json.utxos[1].locktime).toBe("2030-01-01 00:00:00");
  });

  it("are frozen and thawed, as often as one likes", async () => {
    door.coins = [coinOf()];
    const freeze = (value: unknown) =>
      ask("/freeze", { body: { "utxo-string": `${TXID}:0`, freeze: value } });
    const isFrozen = async () => (await ask("/utxos")).json.utxos[0].frozen;
    for (const value of [true, true, false, false]) {
      const { status, json } = await freeze(value);
      expect(status).toBe(200);
      expect(json).toEqual({});
      expect(await isFrozen()).toBe(value);
    }
    expect((await freeze("yes")).status).toBe(400);
    for (const text of ["x:0", `${TXID}:-1`, `${TXID}:4294967296`, `${TXID}`, `${TXID}:0x1`]) {
      expect((await ask("/freeze", { body: { "utxo-string": text, freeze: true } })).status).toBe(400);
    }
  });

  it("that are not known yet are answered with 503", async () => {
    const notSynced = new TroupeError(
      { code: "WALLETD_NOT_SYNCED", wallet: "rec.jmdat", progress: 0.5 },
      "Half way.",
    );
    await begin({
      handlers: {
        coins: () => {
          throw notSynced;
        },
      },
    });
    const { status, json } = await ask("/utxos");
    expect(status).toBe(503);
    expect(json).toEqual({ message: "Half way.", code: "WALLETD_NOT_SYNCED" });
  });
});

describe("addresses", () => {
  it("come from the mixdepths that there are", async () => {
    expect((await ask("/address/new/0")).json).toEqual({ address: ADDRESS });
    for (const path of ["9", "-1", "x", "1.5", "99999999999999999999"]) {
      expect((await ask(`/address/new/${path}`)).status).toBe(400);
    }
  });

  it("of bonds want a month from 2020 to 2099", async () => {
    await begin({
      handlers: {
        bondAddress: ({ lockDate }) => ({ address: ADDRESS, path: lockDate, locktimeS: 0, script: "" }),
      },
    });
    expect((await ask("/address/timelock/new/2030-01")).json).toEqual({ address: ADDRESS });
    expect((await ask("/address/timelock/new/2030-1")).status).toBe(200);
    expect(askedOf("bondAddress")).toMatchObject([{ lockDate: "2030-01" }, { lockDate: "2030-1" }]);
    for (const text of ["2019-12", "2100-01", "2030-13", "2030-00", "abc", "2030"]) {
      expect((await ask(`/address/timelock/new/${text}`)).status).toBe(400);
    }
  });
});

describe("settings", () => {
  const get = (field: string, section = "POLICY") => ask("/configget", { body: { section, field } });
  const set = (field: string, value: unknown, section = "POLICY") =>
    ask("/configset", { body: { section, field, value } });

  it("that clients look for have a standard, except the fees that somebody has to decide", async () => {
    const standard = {
      gaplimit: "20",
      tx_fees: "3",
      tx_fees_factor: "0.2",
      max_sweep_fee_change: "0.8",
      minimum_makers: "4",
    };
    for (const [field, value] of Object.entries(standard)) {
      expect((await get(field)).json).toEqual({ configvalue: value });
    }
    for (const field of ["max_cj_fee_abs", "max_cj_fee_rel", "constructor", "__proto__"]) {
      const { status, json } = await get(field);
      expect(status).toBe(409);
      expect(json.message).toBe("Action cannot be performed, config vars are not set.");
    }
  });

  it("are texts, are kept, and are refused with 409 in a section that is none", async () => {
    expect((await set("max_cj_fee_abs", "5000")).json).toEqual({});
    expect((await get("max_cj_fee_abs")).json).toEqual({ configvalue: "5000" });
    expect((await set("max_cj_fee_abs", 5_000)).status).toBe(409);
    expect((await set("x", "1", "NOWHERE")).status).toBe(409);
    expect((await set("my_own", "1", "MESSAGING:onion")).status).toBe(200);
    expect((await get("a.b")).status).toBe(409);
    expect((await ask("/configset", { body: { section: "POLICY", field: "x" } })).status).toBe(400);
  });
});

describe("paying", () => {
  const spend = (given: Partial<RpcOutput<typeof walletdContract, "send">> = {}) => ({
    transaction: { txid: TXID, rawTx: RAW_TX, version: 1, locktime: 17, inputs: [], outputs: [] },
    feeSat: 1,
    sizeVb: 1,
    satPerVb: 1,
    changeSat: 0,
    mixdepth: 0,
    isSent: true,
    replaces: null,
    ...given,
  });
  const body = { mixdepth: 1, amount_sats: 2_000, destination: ADDRESS };
  const pay = (more: object = {}, headers: Record<string, string> = {}) =>
    ask("/taker/direct-send", { body: { ...body, ...more }, headers });

  it("tells the transaction, and takes 0 for all, blocks or a rate for the fee, numbers as text", async () => {
    await begin({ handlers: { send: () => spend() } });
    const { status, json } = await pay();
    expect(status).toBe(200);
    expect(json).toEqual({ txinfo: transactionInfo(RAW_TX, networkByName("regtest")) });
    await pay({ amount_sats: "0", mixdepth: "2", txfee: 3 });
    await pay({ txfee: 1_500, input_utxos: [`${TXID}:7`] });
    const common = { wallet: "rec.jmdat", payments: [{ address: ADDRESS, amountSat: 2_000 }], mixdepth: 1 };
    expect(askedOf("send")).toMatchObject([
      common,
      { mixdepth: 2, payments: [{ address: ADDRESS, amountSat: null }], fee: { blocks: 3 } },
      { ...common, fee: { satPerVb: 1.5 }, inputs: [{ txid: TXID, index: 7 }] },
    ]);
    expect(askedOf("send")[0]).not.toHaveProperty("fee");
    expect(askedOf("setSetting")).toEqual([]);
  });

  it.each([
    { amount_sats: "abc" },
    { amount_sats: -1 },
    { amount_sats: 1.5 },
    { amount_sats: 1e300 },
    { mixdepth: null },
    { destination: 7 },
    { txfee: 0 },
    { input_utxos: ["x"] },
  ])("is refused with 400 for %j", async (more) => {
    expect((await pay(more)).status).toBe(400);
    expect(askedOf("send")).toEqual([]);
  });

  it.each([
    ["WALLETD_FUNDS", { neededSat: 2, availableSat: 1 }, 409],
    ["WALLETD_DUST", { amountSat: 1, dustSat: 546 }, 409],
    ["WALLETD_NOT_TAKEN", { txid: TXID, kind: "invalid", reason: "x" }, 409],
    ["WALLETD_ADDRESS", { address: ADDRESS }, 400],
  ])("that fails with %s says why", async (code, data, status) => {
    await begin({
      handlers: {
        send: () => {
          throw new TroupeError({ ...data, code }, "This is why.");
        },
      },
    });
    const answer = await pay();
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ message: "This is why.", code });
  });

  it("whose end nobody knows is told so, because paying again might pay twice", async () => {
    await begin({
      handlers: {
        send: async () => {
          throw new TroupeError({ code: "BUS_DEADLINE", outcome: "unknown", retryable: false }, "late");
        },
      },
    });
    const { status, json } = await pay();
    expect(status).toBe(503);
    expect(json).toMatchObject({
      outcome: "unknown",
      message: expect.stringMatching(/before you send again/),
    });
  });

  it("once, however often a client repeats it with one key", async () => {
    let sent = 0;
    await begin({ handlers: { send: () => spend({ feeSat: ++sent }) } });
    const headers = { "idempotency-key": "my key" };
    for (let times = 0; times < 3; times++) expect((await pay({}, headers)).status).toBe(200);
    expect(sent).toBe(1);
    expect((await pay({ amount_sats: 3_000 }, headers)).status).toBe(400);
    await pay({}, { "idempotency-key": "another" });
    expect(sent).toBe(2);
  });
});

describe("the rest", () => {
  it("a rescan answers at once and is seen in the session", async () => {
    expect((await ask("/getrescaninfo")).json).toEqual({ walletname: "rec.jmdat", rescanning: false });
    expect((await ask("/rescanblockchain/0")).json).toEqual({ walletname: "rec.jmdat" });
    expect((await ask("/getrescaninfo")).json).toMatchObject({ rescanning: true, progress: 0.25 });
    expect((await door.ask("/session")).json.rescanning).toBe(true);
    expect((await ask("/rescanblockchain/481824")).status).toBe(200);
    expect((await ask("/rescanblockchain/x")).status).toBe(400);
  });

  it("the words are shown where walletd allows it, and otherwise the reason", async () => {
    expect((await ask("/getseed")).json.seedphrase).toMatch(/^abandon/);
    await begin({
      handlers: {
        revealSeed: () => {
          throw new TroupeError({ code: "WALLETD_PASSWORD_NEEDED", wallet: "rec.jmdat" }, "Not over HTTP.");
        },
      },
    });
    const { status, json } = await ask("/getseed");
    expect(status).toBe(400);
    expect(json.message).toBe("Not over HTTP.");
  });

  it("a message is signed by POST; GET is another method", async () => {
    const signature = "H13W";
    await begin({ handlers: { signMessage: () => ({ signature, address: ADDRESS }) } });
    const { json } = await ask("/signmessage", { body: { hd_path: "m/84'/1'/0'/0/0", message: "hello" } });
    expect(json).toEqual({ signature, message: "hello", address: ADDRESS });
    const other = await ask("/signmessage");
    expect(other.status).toBe(405);
    expect(other.headers.allow).toBe("POST");
  });

  it("the yield report needs no token, ends its rows with newlines, and is 404 while there is none", async () => {
    let lines: string[] | null = null;
    await begin({ handlers: { yieldReport: () => ({ lines }) } });
    const report = () => door.ask("/wallet/yieldgen/report");
    expect((await report()).status).toBe(404);
    lines = ["timestamp,cj amount/satoshi", "2026/01/01 00:00:00,,,,,,,Connected\n"];
    expect((await report()).json).toEqual({
      yigen_data: ["timestamp,cj amount/satoshi\n", "2026/01/01 00:00:00,,,,,,,Connected\n"],
    });
    await ask("/lock");
    expect((await report()).status).toBe(404);
  });

  it("the history is told as JoinMarket-NG does, of the length that is wanted", async () => {
    await begin({
      handlers: { history: () => ({ total: 1, entries: [ENTRY, { ...ENTRY, note: null }], unsent: [] }) },
    });
    const { json } = await ask("/history?limit=5");
    expect(askedOf("history")).toMatchObject([{ limit: 5 }]);
    expect(json.history[0]).toMatchObject({
      timestamp: "2023-11-14T22:12:20Z",
      role: "maker",
      cj_amount: 500,
      peer_count: 2,
      counterparty_nicks: "J5abc,J5def",
      net_fee: 240,
      source_mixdepth: 0,
      utxos_used: `${TXID}:1`,
      source: "protocol",
    });
    expect(json.history[1]).toMatchObject({ peer_count: null, source: "onchain", completed_at: "" });
    expect((await ask("/history?limit=0")).status).toBe(400);
  });

  it("tells of takers that our maker served in vain too, but of none that sent it after all", async () => {
    const coin = { txid: TXID, index: 1 };
    const failed = {
      ...{ wallet: "rec", step: "promised" as const, amountSat: 700, coins: [coin], refused: null },
      ...{
        why: "the taker has been silent for too long",
        startedAtS: 1_700_000_100,
        endedAtS: 1_700_000_400,
      },
    };
    await begin({ handlers: { history: () => ({ total: 1, entries: [ENTRY], unsent: [] }) } });
    const maker = await fakeActor(door.world, makerContract, {
      failed: () => ({
        joins: [failed, { ...failed, step: "signed" as const }, { ...failed, wallet: "another" }],
      }),
    });
    const { json } = await ask("/history?limit=1");
    expect(json.history).toMatchObject([
      {
        ...{ role: "maker", success: false, txid: "", cj_amount: 700, net_fee: 0, utxos_used: `${TXID}:1` },
        ...{ timestamp: "2023-11-14T22:15:00Z", failure_reason: "the taker has been silent for too long" },
      },
    ]);
    expect((await ask("/history")).json.history).toHaveLength(2);
    await maker.stop();
  });
});
