import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import type { Txid } from "../../../bitcoin/bytes.ts";
import { Followed } from "../../../tests/harness/mempool/followed.ts";
import { ModelNode } from "../../../tests/harness/mempool/model-node.ts";

/** Lets something happen when it is asked for transactions, before it answers. */
class EventfulNode extends ModelNode {
  readonly happen: (() => void)[] = [];
  readonly withheld = new Set<Txid>();
  lists = 0;

  override async moment() {
    this.lists += 1;
    return super.moment();
  }

  override async transactions(txids: readonly Txid[]) {
    this.happen.shift()?.();
    const found = await super.transactions(txids);
    return found.map((rawTx, i) => (this.withheld.has(txids[i] as Txid) ? undefined : rawTx));
  }
}

let followed: Followed;

afterEach(() => followed.stop());

async function levelWith(sent: number): Promise<EventfulNode> {
  const random = new Randomness(3);
  const node = new EventfulNode(() => random.fraction());
  followed = new Followed(node, node);
  followed.start();
  await followed.settle(() => followed.follower.compare());
  for (let i = 0; i < sent; i++) node.send();
  return node;
}

const viewed = () => [...followed.view.tables.unconfirmed()].map(({ txid }) => txid).sort();
const compared = () => followed.settle(() => followed.follower.compare());
const looked = () => followed.settle(() => followed.follower.look());

describe("a follower", () => {
  it("does not believe that a transaction has gone which the node that it asks still has", async () => {
    const node = await levelWith(3);
    await compared();
    followed.told.length = 0;
    // Nothing builds on the last one.
    const [kept, , gone] = [...node.mempool.keys()] as [Txid, Txid, Txid];

    // Another node's news, or news from before the list.
    await followed.settle(() => followed.follower.hint({ kind: "removed", txid: kept, sequence: 9 }));
    expect(followed.told).toEqual([]);
    expect(viewed()).toEqual([...node.mempool.keys()].sort());

    node.mempool.delete(gone);
    await followed.settle(() => {
      for (const txid of [gone, kept]) followed.follower.hint({ kind: "removed", txid, sequence: 10 });
    });
    expect(followed.told.flatMap(({ removed }) => removed.map(({ txid }) => txid))).toEqual([gone]);
    expect(viewed()).toEqual([...node.mempool.keys()].sort());
  });

  it("finds what has taken the place of a transaction that was replaced before it could be read", async () => {
    const node = await levelWith(1);
    node.happen.push(() => node.replace());
    await compared();
    expect(node.mempool.size).toBe(1);

    // The node has as many transactions as before, and nothing more is told.
    await looked();
    expect(viewed()).toEqual([...node.mempool.keys()].sort());
    expect(followed.follower.leftOut).toBe(0);
  });

  it("does without a transaction that the node lists and never gives, and does not list for it again and again", async () => {
    const node = await levelWith(2);
    const [withheld] = [...node.mempool.keys()] as [Txid];
    node.withheld.add(withheld);
    await compared();
    await looked();
    expect(followed.follower.leftOut).toBe(1);
    const { lists } = node;
    for (let i = 0; i < 5; i++) await looked();
    expect(node.lists).toBe(lists);
    expect(viewed()).toHaveLength(node.mempool.size - 1);

    node.withheld.clear();
    await compared();
    expect(followed.follower.leftOut).toBe(0);
    expect(viewed()).toEqual([...node.mempool.keys()].sort());
  });
});
