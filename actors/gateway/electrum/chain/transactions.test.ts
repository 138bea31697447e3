import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../runtime/clock.ts";
import { Transactions, type TransactionsOptions } from "./transactions.ts";

interface Asked {
  readonly txids: readonly string[];
}

/** Hex by id: what is at hand (null: no block has it), what the index gives over the bus, and what waits for a block. */
class Sources {
  readonly atHand = new Map<string, string | null>();
  readonly confirmed = new Map<string, string>();
  readonly unconfirmed = new Map<string, string>();
  readonly messages: string[] = [];

  get transactions(): Transactions {
    const over = (who: string, known: ReadonlyMap<string, string>) => async (input: Asked) => {
      this.messages.push(`${who} ${input.txids.join()}`);
      return { results: input.txids.map((txid) => known.get(txid) ?? null) };
    };
    const atHand = ({ txids: [txid = ""] }: Asked) => {
      const found = this.atHand.get(txid);
      return found === undefined ? undefined : { results: [found] };
    };
    return new Transactions({
      clock: new ManualClock(),
      indexer: { rawTransactions: over("indexer", this.confirmed) },
      index: { rawTransactions: atHand },
      mempool: { rawTransactions: over("mempool", this.unconfirmed) },
    } as unknown as TransactionsOptions);
  }
}

describe("a transaction's bytes", () => {
  it("that are at hand take no message and no promise", () => {
    const sources = new Sources();
    sources.atHand.set("a", "aa00");
    expect(sources.transactions.raw("a")).toBe("aa00");
    expect(sources.messages).toEqual([]);
  });

  it("that are not at hand are asked of the index over the bus, and once", async () => {
    const sources = new Sources();
    sources.confirmed.set("b", "bb00");
    const { transactions } = sources;
    expect(await transactions.raw("b")).toBe("bb00");
    expect(transactions.raw("b")).toBe("bb00");
    expect(sources.messages).toEqual(["indexer b"]);
  });

  it("that no block has are the mempool's to give, and are asked for again afterwards: a block may come to have them", async () => {
    const sources = new Sources();
    sources.atHand.set("c", null);
    sources.unconfirmed.set("c", "cc00");
    const { transactions } = sources;
    expect(await transactions.raw("c")).toBe("cc00");
    expect(sources.messages).toEqual(["mempool c"]);
    sources.atHand.set("c", "cc01");
    expect(transactions.raw("c")).toBe("cc01");
  });

  it("that a block takes between the two questions are found, and those that nobody has are nothing", async () => {
    const sources = new Sources();
    sources.atHand.set("d", null);
    const { transactions } = sources;
    const coming = transactions.raw("d");
    sources.atHand.set("d", "dd00");
    expect(await coming).toBe("dd00");
    sources.atHand.set("e", null);
    expect(await transactions.raw("e")).toBeUndefined();
  });
});
