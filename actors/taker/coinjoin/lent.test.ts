import { afterEach, expect, it } from "vitest";
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { txidOf } from "../../../bitcoin/transaction.ts";
import { JoinTable, type TableOptions } from "../../../tests/harness/joinmarket/join-table.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { ELSEWHERE, ELSEWHERE_SCRIPT, HOUR_MS } from "../../../tests/harness/walletd/robbed-wallets.ts";
import { HastyClock } from "../../../tests/harness/walletd/walletd-under-test.ts";

/** Coins that walletd lends the bank's ledger for one order, with the real wallet daemon and scripted makers. */
let table: JoinTable | undefined;
afterEach(async () => {
  await table?.clear();
  table = undefined;
});

const ORDER = "0123456789abcdef";
const MOST = { makerFeesSatMax: 5_000, miningFeeSatMax: 20_000 };
const AMOUNT_SAT = 300_000;

async function bank(options?: TableOptions) {
  const at = await JoinTable.set(options);
  table = at;
  const limits = { mixdepths: [0], amountSatMax: 1e6, daySatMax: 1e6, ...MOST };
  const { grant } = await at.under
    .as("operator")
    .grant({ ...at.owned, caller: "ledger", limits, ttlS: 30 * 86_400 });
  const ledger = at.under.as("ledger");
  const wish = { grant, order: ORDER, address: ELSEWHERE, amountSat: AMOUNT_SAT, ...MOST };
  const lend = () => ledger.bankLend(wish);
  const payouts = async () => (await ledger.bankView({ grant, sinceHeight: 0, orders: [ORDER] })).payouts;
  const loan = await lend();
  const begin = (more: object = {}) =>
    at.begin({
      id: ORDER,
      grant: loan.grant,
      destination: ELSEWHERE,
      amountSat: AMOUNT_SAT,
      ...MOST,
      ...more,
    });
  return { at, grant, ledger, lend, payouts, begin };
}

it("pay the order by a coinjoin, for what it has cost the wallet, and are lent for it once", async () => {
  const { at, grant, ledger, lend, payouts, begin } = await bank();
  const before = at.walletSat;
  const run = await at.outcome(await begin());
  expect(run).toMatchObject({ id: ORDER, phase: "done", makersSigned: 3 });
  await at.money.follow();
  const costSat = (run.makerFeesSat ?? 0) + (run.miningFeeSat ?? 0);
  expect(before - at.walletSat).toBe(AMOUNT_SAT + costSat);
  await waitFor("the wallet to see it", async () => (await payouts())[0]?.isSeen === true);
  expect(await payouts()).toEqual([
    { order: ORDER, txid: run.txid, feeSat: costSat, height: null, isSeen: true },
  ]);
  const [sent] = at.money.sent;
  const paid = sent?.outputs.filter(
    ({ scriptPubKey }) => bytesToHex(scriptPubKey) === bytesToHex(ELSEWHERE_SCRIPT),
  );
  expect(paid?.map(({ amountSat }) => amountSat)).toEqual([BigInt(AMOUNT_SAT)]);
  // Its taker has given the grant up, and the order has had its coinjoin.
  await waitFor("the grant to end", async () => (await lend().catch(() => undefined)) === undefined);
  await expect(lend()).rejects.toMatchObject({ code: "WALLETD_LENDING_OVER" });
  const { signed } = await ledger.bankRecall({ grant, order: ORDER });
  expect(signed?.payout).toEqual({ txid: run.txid, feeSat: costSat });
  expect(at.money.sent.map(txidOf)).toEqual([run.txid]);
});

it("that were signed and that nobody has sent are sent by walletd when the bank has asked what became of them", async () => {
  const silent = { isPushing: false };
  const walletdClock = new HastyClock();
  const { at, grant, ledger, payouts, begin } = await bank({
    lies: [silent, silent, silent],
    config: { push_timeout_seconds: 5 },
    walletdClock,
  });
  const run = await at.outcome(await begin({ broadcast: "not-self" }));
  expect(run).toMatchObject({ phase: "failed", failure: { code: "TAKER_NOT_SENT" } });
  expect(at.money.sent).toEqual([]);
  const { signed } = await ledger.bankRecall({ grant, order: ORDER });
  expect((await payouts())[0]).toMatchObject({ txid: signed?.payout?.txid, isSeen: false });
  // As late as the operator has said, who wants others to be the first: within 36 hours.
  await waitFor("walletd to send it", async () => {
    // With each block it looks.
    await at.money.mine(1);
    await at.under.level(at.owned);
    walletdClock.pass(HOUR_MS);
    return at.money.sent.length > 0;
  });
  expect(at.money.sent.map(txidOf)).toContain(signed?.payout?.txid);
});
