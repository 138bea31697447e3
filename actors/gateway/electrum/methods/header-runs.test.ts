/** Runs of headers that are longer than one answer may be: over each carrier. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TEST_CARRIERS } from "../../../../tests/harness/electrum/door-under-test.ts";
import { DoorOverFakes } from "../../../../tests/harness/gateway/door-over-fakes.ts";
import { WireSessions } from "../../../../tests/harness/gateway/wire-sessions.ts";

const TIP = { height: 5_000, hash: "00".repeat(32) };
const MAX = 2_016;

let door: DoorOverFakes;
let sessions: WireSessions;

/** Its height, often enough to be as long as a header. */
function headerAt(height: number): string {
  return height.toString(16).padStart(8, "0").repeat(20);
}

function headers(height: number, count: number): string[] {
  const present = Math.max(0, Math.min(count, TIP.height + 1 - height));
  return Array.from({ length: present }, (_, i) => headerAt(height + i));
}

beforeAll(async () => {
  door = await DoorOverFakes.start(TIP, {
    headers: ({ height, count, checkpointHeight }) => {
      const some = headers(height, count);
      const proof = { root: headerAt(height + some.length - 1).slice(0, 64), branch: [] };
      return {
        count: some.length,
        hex: some.join(""),
        ...(checkpointHeight !== undefined && { proof }),
      };
    },
  });
  sessions = await WireSessions.openAll(door.half);
});

afterAll(async () => {
  await sessions.close();
  await door.stop();
});

describe.each(TEST_CARRIERS)("a run of headers over %s", (carrier) => {
  it.each([MAX, MAX + 1, 5_000, 2 ** 32])(
    "has at most 2016 of them, when %i are asked for",
    async (count) => {
      const old = await sessions.session("1.4", carrier);
      const fresh = await sessions.session("1.6", carrier);
      const expected = headers(7, MAX);
      expect(await old.call("blockchain.block.headers", [7, count])).toEqual({
        hex: expected.join(""),
        count: MAX,
        max: MAX,
      });
      expect(await fresh.call("blockchain.block.headers", [7, count])).toEqual({
        headers: expected,
        count: MAX,
        max: MAX,
      });
      // The proof is of the last one that is there.
      const proved = (await fresh.call("blockchain.block.headers", [7, count, 4_000])) as { root: string };
      expect(proved).toMatchObject({ count: MAX, root: headerAt(7 + MAX - 1).slice(0, 64) });
      for (const session of [old, fresh]) session.close();
    },
  );

  it("ends at the tip, and is none beyond it, not even with a proof", async () => {
    const session = await sessions.session("1.6", carrier);
    expect(await session.call("blockchain.block.headers", [4_990, 100])).toEqual({
      headers: headers(4_990, 11),
      count: 11,
      max: MAX,
    });
    for (const start of [5_001, 1_000_000]) {
      expect(await session.call("blockchain.block.headers", [start, 5, 5_000])).toEqual({
        headers: [],
        count: 0,
        max: MAX,
      });
    }
    session.close();
  });
});
