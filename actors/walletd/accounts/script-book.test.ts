/** Tests of the book of scripts: what it reads from the cache is what it would derive, or is found out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import { knownWallet } from "../../../tests/harness/walletd/walletd-under-test.ts";
import { CHUNK_KEYS } from "./key-cache.ts";
import { ScriptBook } from "./script-book.ts";

const BRANCH = { mixdepth: 1, chain: 0 };
const { keys } = knownWallet(7);
const fullChunk = chunksOf(CHUNK_KEYS)["keys/1/0/0"] as string;

function chunksOf(count: number, kept: Record<string, string> = {}): Record<string, string> {
  const book = new ScriptBook(keys, kept);
  book.extend(BRANCH, count, count);
  return Object.fromEntries(
    book.toKeep().map((change) => {
      if (change.kind !== "cached" || change.value === null) throw new Error("only keys are kept");
      return [change.key, change.value];
    }),
  );
}

/** The chunk with the key at one index in the place of the key at another. */
function withAnother(index: number, other: number): Record<string, string> {
  const chunk = Buffer.from(fullChunk, "base64");
  chunk.set(keys.publicKey({ ...BRANCH, index: other }), index * 33);
  return { "keys/1/0/0": chunk.toString("base64") };
}

describe("the book of scripts", () => {
  it("derives no more at once than it is told, and each script once", () => {
    const book = new ScriptBook(keys);
    const first = book.extend(BRANCH, 10, 4);
    const second = book.extend(BRANCH, 10, 4);
    const third = book.extend(BRANCH, 10, 4);

    expect([first.length, second.length, third.length]).toEqual([4, 4, 2]);
    expect(book.extend(BRANCH, 10, 4)).toEqual([]);
    expect([...first, ...second, ...third]).toEqual(
      Array.from({ length: 10 }, (_, index) => keys.key({ ...BRANCH, index }).scriptHash),
    );
  });

  it("keeps whole chunks only, and each of them once", () => {
    const book = new ScriptBook(keys);
    book.extend(BRANCH, CHUNK_KEYS - 1, CHUNK_KEYS);
    expect(book.toKeep()).toEqual([]);
    book.extend(BRANCH, CHUNK_KEYS + 1, CHUNK_KEYS);
    expect(book.toKeep()).toHaveLength(1);
    expect(book.toKeep()).toEqual([]);
    expect(chunksOf(CHUNK_KEYS, { "keys/1/0/0": fullChunk })).toEqual({});
  });

  it("has the same keys from the cache as without it, and derives only the first of a chunk", () => {
    let derived = 0;
    const counting = countingKeys(() => derived++);
    const cached = new ScriptBook(counting, { "keys/1/0/0": fullChunk });
    cached.extend(BRANCH, CHUNK_KEYS, CHUNK_KEYS);

    expect(derived).toBe(1);
    const places = Array.from({ length: CHUNK_KEYS }, (_, index) => keys.key({ ...BRANCH, index }));
    expect(cached.branch(BRANCH)).toEqual(places.map((key) => ({ ...key, publicKey: expect.anything() })));
    for (const [i, { publicKey }] of cached.branch(BRANCH).entries()) {
      expect(Buffer.from(publicKey)).toEqual(Buffer.from(places[i]?.publicKey ?? []));
    }
  });

  it("derives what a cache has that is none of its own: too short, too long, no text, another wallet's", () => {
    const right = keys.key({ ...BRANCH, index: 5 }).scriptHash;
    const anothers = { "keys/1/0/0": Buffer.alloc(CHUNK_KEYS * 33, 2).toString("base64") };
    for (const text of [
      "",
      "AAAA",
      "%%%",
      fullChunk.slice(4),
      `${fullChunk}AAAA`,
      ...Object.values(anothers),
    ]) {
      const book = new ScriptBook(keys, { "keys/1/0/0": text });
      book.extend(BRANCH, 6, 6);
      expect(book.branch(BRANCH)[5]?.scriptHash).toBe(right);
    }
  });

  it("gives out no key that only a cache has, and watches the right one from then on", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: CHUNK_KEYS - 1 }),
        fc.integer({ min: 300, max: 400 }),
        (wrong, by) => {
          const book = new ScriptBook(keys, withAnother(wrong, by));
          book.extend(BRANCH, CHUNK_KEYS, CHUNK_KEYS);
          const right = keys.key({ ...BRANCH, index: wrong });
          const listed = book.branch(BRANCH)[wrong]?.scriptHash as string;
          expect(listed).not.toBe(right.scriptHash);

          expect(book.at({ ...BRANCH, index: wrong })).toEqual(right);
          expect(book.branch(BRANCH)[wrong]).toEqual(right);
          expect(book.find(listed)).toBeUndefined();
          expect(book.takeMended()).toEqual([right.scriptHash]);
          expect(book.takeMended()).toEqual([]);
          expect(book.toKeep()).toEqual([{ kind: "cached", key: "keys/1/0/0", value: fullChunk }]);
        },
      ),
      { numRuns: 10 },
    );
  });

  it("finds every wrong key when all are derived again, a few at a time", () => {
    const book = new ScriptBook(keys, withAnother(30, 300));
    book.extend(BRANCH, CHUNK_KEYS, CHUNK_KEYS);
    let rounds = 1;
    while (book.recheck(10)) rounds++;

    expect(rounds).toBe(4);
    expect(book.takeMended()).toEqual([keys.key({ ...BRANCH, index: 30 }).scriptHash]);
    expect(book.branch(BRANCH).map(({ scriptHash }) => scriptHash)).toEqual(
      Array.from({ length: CHUNK_KEYS }, (_, index) => keys.key({ ...BRANCH, index }).scriptHash),
    );
  });
});

/** The same keys, telling of each that is derived. */
function countingKeys(onDerived: () => void): WalletKeys {
  const own = WalletKeys.fromAccounts([keys.accountText(1)], { ...keys.kind, hasBonds: false });
  const derive = own.publicKey.bind(own);
  return Object.assign(own, {
    publicKey(path: Parameters<typeof derive>[0]) {
      onDerived();
      return derive(path);
    },
  });
}
