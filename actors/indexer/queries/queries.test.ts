import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hexToBytes, type ScriptHash, type Txid } from "../../../bitcoin/bytes.ts";
import { RecordedSource } from "../../../tests/harness/chain/recorded-source.ts";
import { readRegtestChain } from "../../../tests/harness/chain/regtest-chain.ts";
import { IndexUnderTest } from "../../../tests/harness/indexer/index-under-test.ts";

const chain = readRegtestChain();
const directory = mkdtempSync(join(tmpdir(), "troupe-queries-"));
let index: IndexUnderTest;

beforeAll(async () => {
  index = new IndexUnderTest(directory, new RecordedSource(chain.blocks.map((hex) => hexToBytes(hex))));
  await index.advance();
});

afterAll(async () => {
  await index.close();
  rmSync(directory, { recursive: true, force: true });
});

function scriptHash(letter: string): ScriptHash {
  return chain.scripts[letter]?.scripthash as ScriptHash;
}

/** What follows was recorded from ElectrumX 2.0 over Bitcoin Core, on this very chain. */
describe("on the recorded chain the index says what ElectrumX says:", () => {
  it.each([
    ["A", 526_959_978_300],
    ["B", 15_499_997_600],
    ["C", 1_400_000_000],
    ["D", 540_000_000],
    ["R", 0],
    ["Z", 0],
  ])("the balance of %s", (letter, balanceSat) => {
    expect(index.ask((queries) => queries.balanceSat(scriptHash(letter), 1_000))).toBe(balanceSat);
  });

  it.each([
    ["A", /^85df3bee.*d6bfd$/],
    ["B", /^b059c7bb.*cc1c18$/],
    ["C", /^cd5e56b5.*031a6806$/],
    ["D", /^9472a957.*0dcc75$/],
    ["E", /^3691814e3feaf86834c9274bfc04c0ebdc29b2dbd9e2ba16b3fb093a3ce0a297$/],
    ["F", /^6920e899a72e5f41754e0534ba9cbf44d403304b77472862f2db06b74252f14d$/],
    ["N", /^6920e899a72e5f41754e0534ba9cbf44d403304b77472862f2db06b74252f14d$/],
    ["U", /^6920e899a72e5f41754e0534ba9cbf44d403304b77472862f2db06b74252f14d$/],
  ])("the status of %s, and so its whole history in order", (letter, status) => {
    const history = index.ask((queries) => queries.history(scriptHash(letter), 1_000));
    const text = (history ?? []).map(({ txid, height }) => `${txid}:${height}:`).join("");

    expect(createHash("sha256").update(text).digest("hex")).toMatch(status);
  });

  it("no history for scripts that are only data", () => {
    expect(index.ask((queries) => queries.history(scriptHash("R"), 10))).toEqual([]);
    expect(index.ask((queries) => queries.history(scriptHash("Z"), 10))).toEqual([]);
  });

  it.each([
    [104, 1, "686d229e7c8c9114a60da5f51f11bbda9f04d31686e3c166ee2df71f10790e34"],
    [106, 4, "4084769cd596e8e99a326ae1c3b75ed05e6654f16e8d5f79648f754159795541"],
  ])("which transaction stands in block %d at %d", (height, position, txid) => {
    expect(index.ask((queries) => queries.txidAt(height, position))).toBe(txid);
    expect(index.ask((queries) => queries.place(txid as Txid))).toMatchObject({ height, position });
  });

  it.each([
    [105, 1],
    [110, 0],
  ])("that no transaction stands in block %d at %d", (height, position) => {
    expect(index.ask((queries) => queries.txidAt(height, position))).toBeUndefined();
    expect(index.ask((queries) => queries.branch(height, position))).toBeUndefined();
  });

  it("the branch of a transaction", () => {
    expect(index.ask((queries) => queries.branch(104, 1))).toEqual([
      "890f7a1f9b079fed153b7d5a91404a4d4d1a6ecc57a8bef95799b7aa6a7c3b2d",
      "126ab2e85eb4c417fe24be6dcf2b68ef75afc152f71f2b51325b8a52afdfd93a",
    ]);
    expect(index.ask((queries) => queries.branch(105, 0))).toEqual([]);
  });

  it.each([
    [0, 1, "3ef13416b03d8ec8d3d63c061c8a045bee14d91a775295ae217aa498c450f8df", 1],
    [1, 1, "3ef13416b03d8ec8d3d63c061c8a045bee14d91a775295ae217aa498c450f8df", 1],
    [5, 8, "8dd750f051c91012417b77850ac9025b926e11f3c9551b70c8a920089663e612", 4],
    [106, 106, "d99a29368252b647ef2bfdc9e8eccf0681e5b1e44348963d8ec3038a07ac4c4a", 7],
    [100, 109, "eb325c4cf57441a2fffcc87b043ed5fbcf850d689ccc34c0af98e89bdc123a52", 7],
  ])("the proof that header %d is below checkpoint %d", (height, checkpoint, root, length) => {
    const proof = index.ask((queries) => queries.headerProof(height, checkpoint));

    expect(proof.root).toBe(root);
    expect(proof.branch).toHaveLength(length);
  });

  it.each([
    ["a checkpoint above the tip", () => index.ask((queries) => queries.headerProof(3, 110))],
    ["a header above its checkpoint", () => index.ask((queries) => queries.headerProof(4, 3))],
    ["a block above the tip", () => index.ask((queries) => queries.blockTxids(110))],
  ])("refuses %s", (_what, ask) => {
    expect(ask).toThrowError(expect.objectContaining({ code: "INDEXER_RANGE" }));
  });
});
