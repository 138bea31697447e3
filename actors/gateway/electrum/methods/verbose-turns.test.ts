import { expect, it } from "vitest";
import { regtest } from "../../../../bitcoin/network.ts";
import { rawTransactionWith } from "../../../../tests/harness/chain/plain-transaction.ts";
import type { Session } from "../session.ts";
import type { ChainParts } from "./chain-parts.ts";
import { transactionMethods } from "./transaction-methods.ts";

const OUTPUTS = 500;
const REQUESTS = 50;
const RAW = rawTransactionWith(OUTPUTS);

it("large transactions that one client wants printed are paid for, and others have their turn between any two", async () => {
  const parts = {
    network: regtest,
    transactions: { raw: () => RAW, place: async () => undefined },
  };
  let cost = 0;
  const session: Partial<Session> = {
    address: "192.0.2.1",
    isViaTor: false,
    charge: (more) => {
      cost += more;
    },
  };
  const get = transactionMethods(parts as unknown as ChainParts).find(
    ({ name }) => name === "blockchain.transaction.get",
  );
  let turns = 0;
  let isDone = false;
  const others = () => {
    turns += 1;
    if (!isDone) setImmediate(others);
  };
  setImmediate(others);
  const printed = await Promise.all(
    Array.from({ length: REQUESTS }, () => get?.call(["ab".repeat(32), true], session as Session)),
  );
  isDone = true;

  for (const each of printed) expect((each as { vout: unknown[] }).vout).toHaveLength(OUTPUTS);
  expect(turns).toBeGreaterThanOrEqual(REQUESTS - 1);
  expect(cost).toBeCloseTo((REQUESTS * RAW.length) / 5_000);
});
