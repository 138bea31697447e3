import { afterEach, expect, it } from "vitest";
import { DoorOverFakes } from "../../../../tests/harness/gateway/door-over-fakes.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";

const [GENESIS, BLOCK, EARLY, LATE] = ["00", "bb", "e1", "e2"].map((byte) => byte.repeat(32)) as [
  string,
  string,
  string,
  string,
];
let door: DoorOverFakes;

afterEach(() => door.stop());

it("tells of a block when all that it touches is known: who has heard of it is given nothing that was kept before it", async () => {
  let entries: { txid: string; height: number }[] = [];
  door = await DoorOverFakes.start(
    { height: 0, hash: GENESIS },
    {
      histories: ({ scripthashes }) => ({
        tip: door.half.feed.tip ?? null,
        results: scripthashes.map(() => entries),
      }),
    },
  );
  const session = door.session();
  const history = () => session.call("blockchain.scripthash.get_history", [LATE]);
  entries = [{ txid: "aa".repeat(32), height: 0 }];
  expect(await history()).toHaveLength(1);

  const heard: string[] = [];
  door.half.feed.watch({
    tipChanged: () => void heard.push("tip"),
    scriptsTouched: (touched) => void heard.push(...touched),
    everythingTouched: () => void heard.push("everything"),
  });
  entries = [...entries, { txid: "ab".repeat(32), height: 1 }];
  door.tellBlock({ height: 1, hash: BLOCK, touched: [EARLY], part: 0, parts: 2 });
  door.tellBlock({ height: 1, hash: BLOCK, touched: [LATE], part: 1, parts: 2 });
  await waitFor("the block", () => door.half.feed.tip?.hash === BLOCK && heard.length === 3);

  expect(heard).toEqual([EARLY, LATE, "tip"]);
  expect(await history()).toHaveLength(2);
});
