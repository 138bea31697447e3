import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type ConfirmedEntry, History } from "./history.ts";
import { StatusDigests } from "./status-digests.ts";

const SCRIPT = "aa".repeat(32);

function entries(count: number, seed: string): ConfirmedEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    txid: createHash("sha256").update(`${seed}${i}`).digest("hex"),
    height: 100 + i,
  }));
}

function statusOf({ confirmed, unconfirmed }: History): string {
  const digest = createHash("sha256");
  for (const { txid, height } of confirmed) digest.update(`${txid}:${height}:`);
  for (const { txid, hasUnconfirmedInputs } of unconfirmed)
    digest.update(`${txid}:${hasUnconfirmedInputs ? -1 : 0}:`);
  return digest.digest("hex");
}

describe("statuses of long histories", () => {
  it("are those of the whole history, however it grew", async () => {
    const digests = new StatusDigests();
    const all = entries(9_000, "a");
    const waiting = [{ txid: "bb".repeat(32), feeSat: 1, hasUnconfirmedInputs: true }];
    for (const [count, unconfirmed] of [
      [10, []],
      [5_000, []],
      [5_000, waiting],
      [5_001, waiting],
      [9_000, []],
      [4_000, waiting],
    ] as const) {
      const history = new History(all.slice(0, count), unconfirmed);
      expect(await digests.of(SCRIPT, history)).toBe(statusOf(history));
    }
  });

  it("forget what they know when the chain turns back, also in the middle of one", async () => {
    const digests = new StatusDigests();
    const old = entries(5_000, "a");
    // The last entry stands where it stood; what comes before it does not.
    const other = [...entries(4_999, "b"), old[4_999] as ConfirmedEntry];
    const running = digests.of(SCRIPT, new History(old, []));
    digests.clear();
    expect(await running).toBe(statusOf(new History(old, [])));
    expect(await digests.of(SCRIPT, new History(other, []))).toBe(statusOf(new History(other, [])));
    digests.clear();
    expect(await digests.of(SCRIPT, new History(old, []))).toBe(statusOf(new History(old, [])));
  });

  it("and their JSON are those of short ones, piece by piece", async () => {
    const confirmed = entries(4_500, "c");
    const unconfirmed = [{ txid: "bb".repeat(32), feeSat: 7, hasUnconfirmedInputs: false }];
    const encoded = await new History(confirmed, unconfirmed).encoded();
    expect(encoded.pieces.length).toBeGreaterThan(2);
    expect(JSON.parse(Buffer.concat(encoded.pieces).toString())).toEqual([
      ...confirmed.map(({ txid, height }) => ({ tx_hash: txid, height })),
      { tx_hash: "bb".repeat(32), height: 0, fee: 7 },
    ]);
  });
});
