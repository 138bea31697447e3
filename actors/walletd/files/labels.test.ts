import fc from "fast-check";
import { expect, test } from "vitest";
import { changeArbitrary } from "../../../tests/harness/walletd/wallet-changes.ts";
import vectors from "../../../tests/vectors/wallet-files.json" with { type: "json" };
import { applyChange } from "../store/wallet-change.ts";
import { newWalletState } from "../store/wallet-state.ts";
import { readCommaLines } from "./joinmarket-ng/comma-lines.ts";
import { readNgData } from "./joinmarket-ng/side-data.ts";
import { readLabels, writeLabels } from "./labels.ts";

const { metadata, history } = vectors.joinmarketNg;
const txid = (byte: number) => byte.toString(16).padStart(2, "0").repeat(32);
const empty = () => newWalletState({ network: "regtest", scriptType: "bip84", hasBonds: true });

test("what joinmarket-ng wrote about coins and addresses is taken over", () => {
  const state = empty();
  const read = readLabels(metadata);
  for (const change of read.changes) applyChange(state, change);

  expect(state.frozen).toEqual({
    [`${txid(1)}:0`]: { isFrozen: true, why: "owner" },
    [`${txid(3)}:2`]: { isFrozen: true, why: "reuse" },
    // Its owner let it go again: no rule may freeze it a second time.
    [`${txid(4)}:0`]: { isFrozen: false, why: "reuse" },
  });
  expect(state.labels).toEqual({
    [`output ${txid(2)}:1`]: "cold – storage",
    "addr bcrt1qreserved": "Alice: rent, May",
    "addr bcrt1qforeign": "Sparrow says",
  });
  expect(read.handedOut).toEqual(["bcrt1qused", "bcrt1qbare", "bcrt1qreserved"]);
  expect(read.coinjoinOutputs).toEqual([`${txid(6)}:3`]);
  expect(read.skipped).toBe(0);
});

test("its history becomes notes of its own wallet's transactions, and burnt addresses are remembered", () => {
  const { changes, handedOut } = readNgData({ metadata, history, fingerprint: "5525def6" });
  const notes = changes.filter(({ kind }) => kind === "note");

  expect(notes).toEqual([
    {
      kind: "note",
      txid: txid(6),
      note: expect.objectContaining({
        program: "joinmarket-ng",
        role: "maker",
        success: true,
        cj_amount: 1_000_000,
        fee_received: 250,
        utxos_used: `${txid(7)}:0,${txid(8)}:1`,
        timestamp: "2026-01-02T03:04:05",
        coinjoinOutputs: [3],
      }),
    },
  ]);
  expect(handedOut).toEqual(expect.arrayContaining(["bcrt1qd", "bcrt1qburnt", "bcrt1qburnt2", "bcrt1qused"]));
});

test("labels and frozen coins survive being written and read", () => {
  fc.assert(
    fc.property(fc.array(changeArbitrary, { maxLength: 40 }), (changes) => {
      const state = empty();
      for (const change of changes) applyChange(state, change);
      const again = empty();
      for (const change of readLabels(writeLabels(state)).changes) applyChange(again, change);

      expect(again.labels).toEqual(state.labels);
      const decided = (frozen: typeof state.frozen) =>
        Object.entries(frozen)
          .map(([outpoint, { isFrozen, why }]) => [outpoint, isFrozen, why === "reuse"])
          .sort();
      expect(decided(again.frozen)).toEqual(decided(state.frozen));
    }),
  );
});

test("lines of the standard's other kinds are kept as labels, and lines of nobody are counted and passed over", () => {
  const text = [
    `{"type":"tx","ref":"${txid(1)}","label":"T","origin":"wpkh([d34db33f/84h/0h/0h])"}`,
    '{"type":"xpub","ref":"xpub661","label":"Account"}',
    `{"type":"input","ref":"${txid(1)}:0","label":"I"}`,
    '{"type":"nothing","ref":"x","label":"y"}',
    '{"type":"output","ref":"not an outpoint","spendable":false}',
    '{"type":"addr","ref":"__proto__","label":"x"}',
    "{broken",
    "null",
    `{"type":"addr","ref":"a","label":"${"x".repeat(20_000)}"}`,
    "",
  ].join("\r\n");

  const read = readLabels(text);

  expect(read.changes).toHaveLength(4);
  expect(read.skipped).toBe(5);
});

test("fields in quotes hold commas, quotes and line ends", () => {
  expect(readCommaLines('a,b\r\n1,"x, ""y""\n z"\n"",2\n')).toEqual([
    { a: "1", b: 'x, "y"\n z' },
    { a: "", b: "2" },
  ]);
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      readCommaLines(text);
    }),
  );
});
