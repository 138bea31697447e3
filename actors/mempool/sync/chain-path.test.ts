import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { Followed } from "../../../tests/harness/mempool/followed.ts";
import { ModelNode } from "../../../tests/harness/mempool/model-node.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

/** Notes which blocks it was asked for, and gives none while it is told so. */
class AskedNode extends ModelNode {
  readonly asked: BlockHash[] = [];
  isAway = false;

  override async blockBytes(hash: BlockHash): Promise<Uint8Array | undefined> {
    this.asked.push(hash);
    if (this.isAway) throw new Error("away");
    return super.blockBytes(hash);
  }
}

let followed: Followed;

afterEach(() => followed.stop());

function levelWith(isAway: boolean): AskedNode {
  const random = new Randomness(3);
  const node = new AskedNode(() => random.fraction());
  node.isAway = isAway;
  followed = new Followed(node, node);
  followed.start();
  return node;
}

describe("the way to the next block", () => {
  it.each([false, true])(
    "is rehearsed once with the block of the tip, which may be missing (%s)",
    async (isAway) => {
      const node = levelWith(isAway);
      const first = node.tip.hash;
      await waitFor("the rehearsal", () => node.asked.length === 1);
      node.isAway = false;

      await followed.settle(() => node.mine(1));

      expect(node.asked).toEqual([first, node.tip.hash]);
      expect(followed.view.chain.tip).toMatchObject(node.tip);
    },
  );
});
