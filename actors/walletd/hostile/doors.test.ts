/** Each method of the contract, asked by whoever has no right to this wallet: no door is without a lock. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { walletdContract } from "../../../bus/contracts/walletd.ts";
import { ELSEWHERE, RobbedWallets } from "../../../tests/harness/walletd/robbed-wallets.ts";
import { PASSWORD, type WalletdCaller } from "../../../tests/harness/walletd/walletd-under-test.ts";

const TXID = "ab".repeat(32);
const PAYMENT = { mixdepth: 0, payments: [{ address: ELSEWHERE, amountSat: 1_000 }] };
const FEE = { fee: { satPerVb: 2 } };
const NONE = {};

/** What else the owner's methods want, beside a wallet and its session. */
const OWNERS: Readonly<Record<string, object>> = {
  ...{ publicKeys: NONE, lock: NONE, status: NONE, display: NONE, balances: NONE, coins: NONE },
  ...{ bonds: NONE, labels: NONE, settings: NONE, rescan: NONE, history: NONE, historyCsv: NONE },
  ...{ yieldReport: NONE, revoke: NONE, externalCoins: NONE, forgetExternalCoins: NONE },
  exportFile: { password: PASSWORD, form: "clientserver" },
  changePassword: { password: PASSWORD, newPassword: "mine now" },
  revealSeed: { password: PASSWORD },
  newAddress: { mixdepth: 0 },
  bondAddress: { lockDate: "2030-01" },
  freeze: { outpoints: [{ txid: TXID, index: 0 }], isFrozen: false },
  setLabel: { type: "addr", ref: ELSEWHERE, label: "mine" },
  importLabels: { text: "" },
  setSetting: { key: "POLICY.gaplimit", value: "1" },
  send: PAYMENT,
  bump: { txid: TXID, ...FEE },
  psbtCreate: PAYMENT,
  psbtBump: { txid: TXID, ...FEE },
  psbtShow: { psbt: "cHNidP8BAAA=" },
  psbtSign: { psbt: "cHNidP8BAAA=" },
  psbtFinish: { psbt: "cHNidP8BAAA=" },
  psbtCancel: { txid: TXID },
  signMessage: { path: "m/84'/1'/0'/0/0", message: "it is mine" },
  grant: { caller: "maker", limits: {} },
  addExternalCoins: { coins: [{ txid: TXID, index: 0, key: "c".repeat(52) }] },
  importCommitments: { file: "" },
  lendCoins: { from: { name: "theirs", file: "", password: PASSWORD } },
};

const NOTE = {
  ...{ role: "maker", isSuccess: false, failure: null, amountSat: 0, inputs: 0, inputSat: 0, peers: [] },
  ...{ feeReceivedSat: 0, txfeeContributionSat: 0, makerFeesSat: 0, miningFeeSat: 0 },
  ...{ startedAtS: 1, completedAtS: null, broadcastBy: "" },
};
const RESERVATION = "ab".repeat(16);
const TERMS = { mixdepth: 0, amountSat: 100_000 };
/** What else the methods of grants want. */
const HOLDERS: Readonly<Record<string, object>> = {
  ...{ funds: NONE, release: NONE, resign: NONE, bankAddress: NONE },
  reserveAsMaker: { ...TERMS, coinjoinFeeSat: 100, txfeeSat: 0 },
  reserveAsTaker: { ...TERMS, destination: null, makerFeesSatMax: 1_000, miningFeeSatMax: 1_000 },
  ...{ readdress: { reservation: RESERVATION }, commitment: { reservation: RESERVATION } },
  bondProof: { makerNick: "J5a", takerNick: "J5b" },
  signAsMaker: { reservation: RESERVATION, rawTx: "00" },
  signAsTaker: { reservation: RESERVATION, rawTx: "00", participants: 2 },
  addHistoryNote: { txid: TXID, note: NOTE },
  bankView: { sinceHeight: 0 },
  bankQuote: { address: ELSEWHERE, blocks: 2, amountSat: 1_000 },
  bankLend: {
    address: ELSEWHERE,
    order: "ab".repeat(8),
    amountSat: 1_000,
    makerFeesSatMax: 1,
    miningFeeSatMax: 1,
  },
  bankRecall: { order: "ab".repeat(8) },
  payOut: { address: ELSEWHERE, blocks: 2, order: "ab".repeat(8), amountSat: 1_000, feeSatMax: 500 },
};

type Ask = (input: object, options?: object) => Promise<unknown>;

const rpcs = Object.entries(walletdContract.rpcs).map(([method, { callers, input, idempotency }]) => ({
  method,
  callers: callers as readonly string[],
  fields: Object.keys((input as unknown as { shape: object }).shape),
  hasKey: idempotency === "key",
}));

let scene: RobbedWallets;
let calls = 0;
beforeEach(async () => {
  scene = await RobbedWallets.start();
});
afterEach(() => scene.stop());

async function refusalOf(caller: WalletdCaller, method: string, input: object): Promise<string> {
  const ask = (scene.under.as(caller) as unknown as Record<string, Ask>)[method];
  const hasKey = rpcs.find((rpc) => rpc.method === method)?.hasKey;
  calls += 1;
  try {
    await (hasKey ? ask?.(input, { key: `call-${calls}` }) : ask?.(input));
    return "answered";
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    return code === "BUS_BAD_REQUEST" ? message : String(code);
  }
}

it("lets nobody into a wallet by a guess, by another actor's session, or by another wallet's", async () => {
  const ofOwner = rpcs.filter(({ fields }) => fields.includes("session"));
  expect(Object.keys(OWNERS).sort()).toEqual(ofOwner.map(({ method }) => method).sort());
  const gateway = scene.under.as("gateway");
  const own = await gateway.unlock({ wallet: "others", password: PASSWORD });
  const guess = randomBytes(32).toString("hex");
  for (const { method, callers } of ofOwner) {
    const more = OWNERS[method] ?? NONE;
    const tried: [WalletdCaller, string][] = callers.includes("gateway")
      ? [
          ["gateway", guess],
          ["gateway", scene.mine.session],
          ["gateway", own.session],
        ]
      : [
          ["operator", guess],
          ["operator", own.session],
        ];
    for (const [caller, session] of tried) {
      expect(await refusalOf(caller, method, { wallet: "mine", session, ...more }), method).toBe(
        "WALLETD_NO_SESSION",
      );
    }
  }
  expect(await refusalOf("gateway", "lock", { wallet: "mine" })).toBe("WALLETD_NO_SESSION");
});

it("lets nobody use a grant that was made up, was given to another actor, or was taken back", async () => {
  const ofHolder = rpcs.filter(({ fields }) => fields.includes("grant"));
  expect(Object.keys(HOLDERS).sort()).toEqual(ofHolder.map(({ method }) => method).sort());
  const operator = scene.under.as("operator");
  const limits = { destinations: [ELSEWHERE], makerFeesSatMax: 10_000, miningFeeSatMax: 10_000 };
  const give = async (caller: "maker" | "taker" | "ledger") =>
    (
      await operator.grant({
        ...{ ...scene.mine, caller },
        limits: caller === "ledger" ? { mixdepths: [0], amountSatMax: 10_000, daySatMax: 10_000 } : limits,
      })
    ).grant;
  const holders = ["maker", "taker", "ledger"] as const;
  const taken = new Map<string, string>();
  for (const holder of holders) taken.set(holder, await give(holder));
  await operator.revoke(scene.mine);
  const given = new Map<string, string>();
  for (const holder of holders) given.set(holder, await give(holder));

  for (const { method, callers } of ofHolder) {
    for (const caller of holders.filter((holder) => callers.includes(holder))) {
      const others = holders.filter((holder) => holder !== caller).map((holder) => given.get(holder));
      for (const grant of [randomBytes(32).toString("hex"), taken.get(caller), ...others]) {
        expect(await refusalOf(caller, method, { grant, ...HOLDERS[method] }), `${method} by ${caller}`).toBe(
          "WALLETD_NO_GRANT",
        );
      }
    }
  }
});
