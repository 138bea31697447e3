import { afterEach, expect, it } from "vitest";
import { TroupeError } from "../../../../runtime/errors.ts";
import { DoorOverFakes } from "../../../../tests/harness/gateway/door-over-fakes.ts";

const HUGE = "aa".repeat(32);
const TIP = { height: 7, hash: "07".repeat(32) };
const opened: DoorOverFakes[] = [];

afterEach(async () => {
  for (const door of opened.splice(0)) await door.stop();
});

it("more coins than a message of the bus holds are too many, and no fault of ours", async () => {
  const door = await DoorOverFakes.start(TIP, {
    unspents: ({ scripthashes, limit }) => {
      if (limit > 1_000)
        throw new TroupeError({ code: "BUS_TOO_LARGE", outcome: "executed" }, "ask for less");
      return { tip: TIP, results: scripthashes.map((hash) => (hash === HUGE ? null : [])) };
    },
  });
  opened.push(door);
  const session = door.session();

  await expect(session.call("blockchain.scripthash.listunspent", [HUGE])).rejects.toMatchObject({
    code: 10_001,
    message: "history too large",
  });
  expect(await session.call("blockchain.scripthash.listunspent", ["bb".repeat(32)])).toEqual([]);
});
