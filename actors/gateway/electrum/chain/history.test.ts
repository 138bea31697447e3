import { expect, it } from "vitest";
import { History, ListedEntries, PIECE_ENTRIES } from "./history.ts";

it("is written once however many clients ask for a long one at the same time", async () => {
  const entries = Array.from({ length: 3 * PIECE_ENTRIES }, (_, height) => ({
    txid: "ab".repeat(32),
    height,
  }));
  const history = new History(new ListedEntries(entries), []);
  const encoded = await Promise.all(Array.from({ length: 128 }, () => history.encoded()));

  expect(new Set(encoded).size).toBe(1);
  expect(history.encoded()).toBe(encoded[0]);
  expect(JSON.parse(Buffer.concat(encoded[0]?.pieces ?? []).toString())).toHaveLength(entries.length);
});
