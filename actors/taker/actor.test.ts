import { afterEach, expect, it } from "vitest";
import { txidFromBytes } from "../../bitcoin/bytes.ts";
import { isInputSigned } from "../../bitcoin/signing/inputs.ts";
import { sizeVbOf, type Transaction, txidOf } from "../../bitcoin/transaction.ts";
import { JoinTable, type TableOptions } from "../../tests/harness/joinmarket/join-table.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";

let table: JoinTable | undefined;
afterEach(async () => {
  await table?.clear();
  table = undefined;
});

async function set(options?: TableOptions): Promise<JoinTable> {
  table = await JoinTable.set(options);
  return table;
}

/** What each input spends, by the chain's own word. */
function spentBy({ money }: JoinTable, transaction: Transaction) {
  const known = new Map(
    money.node.blocks.flatMap(({ transactions }) => transactions.map((one) => [txidOf(one), one] as const)),
  );
  return transaction.inputs.map((input) => {
    const output = known.get(txidFromBytes(input.previousTxidBytes))?.outputs[input.previousIndex];
    if (output === undefined) throw new Error("it spends what is not there");
    return output;
  });
}

const sum = (outputs: readonly { readonly amountSat: bigint }[]) =>
  outputs.reduce((total, { amountSat }) => total + Number(amountSat), 0);

it("a coinjoin with three makers is on the network, signed by all, and costs what was agreed", async () => {
  const at = await set();
  const before = at.walletSat;
  const run = await at.join();

  expect(run).toMatchObject({
    phase: "done",
    failure: null,
    makersGood: 3,
    makersSigned: 3,
    makerFeesSat: 600,
  });
  const [transaction] = at.money.sent;
  if (transaction === undefined) throw new Error("nothing was sent");
  expect(txidOf(transaction)).toBe(run.txid);
  const spent = spentBy(at, transaction);
  expect(
    transaction.inputs.map((_, i) => isInputSigned(transaction, i, spent[i] as (typeof spent)[number])),
  ).toEqual(transaction.inputs.map(() => true));
  expect(transaction.outputs.filter(({ amountSat }) => amountSat === 300_000n)).toHaveLength(4);
  const minersSat = sum(spent) - sum(transaction.outputs);
  expect(minersSat).toBe(run.miningFeeSat);
  expect(minersSat / sizeVbOf(transaction)).toBeGreaterThanOrEqual(2);
  await at.money.follow();
  expect(before - at.walletSat).toBe(600 + minersSat);
  await waitFor("the coins to be spent", async () => (await at.reservedSat()) === 0);
});
