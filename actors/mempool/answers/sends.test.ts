import { expect, it } from "vitest";
import type { Txid } from "../../../bitcoin/bytes.ts";
import type { Entry } from "../view/entry.ts";
import { View } from "../view/view.ts";
import { type SendingNode, sends } from "./sends.ts";

const [KNOWN, OTHER, UNKNOWN] = ["aa", "bb", "cc"].map((byte) => byte.repeat(32)) as [Txid, Txid, Txid];

function entry(txid: Txid): Entry {
  return {
    txid,
    feeSat: 1,
    weight: 400,
    sizeVb: 100,
    timeS: 0,
    spends: [],
    pays: [],
    confirmedAt: undefined,
  };
}

it("a transaction that many ask for at once is asked of the node once", async () => {
  const view = new View();
  for (const txid of [KNOWN, OTHER]) view.admit(entry(txid));
  const asked: Txid[][] = [];
  const node: Partial<SendingNode> = {
    transactions: async (txids) => {
      asked.push([...txids]);
      return txids.map((txid) => Buffer.from(txid.slice(0, 2), "hex"));
    },
  };
  const { rawTransactions } = sends({
    node: node as SendingNode,
    view,
    figures: () => Promise.reject(new Error("nobody asks")),
    include: async () => {},
    onVerdict: () => {},
  });
  const txids = [KNOWN, KNOWN, UNKNOWN, OTHER, KNOWN];
  const call = {} as Parameters<typeof rawTransactions>[1];

  expect(await rawTransactions({ txids }, call)).toEqual({ results: ["aa", "aa", null, "bb", "aa"] });
  expect(asked).toEqual([[KNOWN, OTHER]]);
});
