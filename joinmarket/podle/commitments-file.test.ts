import { expect, it } from "vitest";
import { bytesToHex, parseTxid } from "../../bitcoin/bytes.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { makeCommitment } from "./commitment.ts";
import { commitmentOf, parseCommitmentsFile } from "./commitments-file.ts";

interface Proof {
  readonly index: number;
  readonly by: string;
  readonly s: string;
  readonly e: string;
}

const { podle } = readVectors<{
  podle: {
    publicKey: string;
    outpoint: string;
    commitments: { index: number; p2: string; commitment: string }[];
    proofs: Proof[];
  };
}>("joinmarket-protocol");
const theirs = podle.proofs.filter(({ by }) => by === "joinmarket-clientserver");

/** As joinmarket-clientserver's `add-utxo.py` leaves it. */
function fileOf(change: (reveal: Record<string, Record<string, string>>) => void = () => undefined) {
  const reveal = Object.fromEntries(
    theirs.map(({ index, s, e }) => [String(index), { P2: podle.commitments[index]?.p2 ?? "", s, e }]),
  );
  change(reveal);
  return { used: [] as unknown[], external: { [podle.outpoint]: { P: podle.publicKey, reveal } } as object };
}

it("reads the peers' own proofs, the lowest index first", () => {
  const file = parseCommitmentsFile(JSON.stringify(fileOf(), undefined, 4));

  expect(file).toMatchObject({ used: [], ignored: 0 });
  expect(file?.external).toHaveLength(1);
  const [coin] = file?.external ?? [];
  expect(`${coin?.txid}:${coin?.vout}`).toBe(podle.outpoint);
  expect(coin?.proofs.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(coin?.proofs.map(commitmentOf)).toEqual(podle.commitments.map(({ commitment }) => commitment));
});

it("leaves out proofs by points that no maker tries, though they hold", () => {
  const coin = { txid: parseTxid("ab".repeat(32)), vout: 1, privateKey: new Uint8Array(32).fill(5) };
  const made = [9, 10].map((index) => makeCommitment(coin, index));
  const reveal = Object.fromEntries(
    made.map(({ index, opening: { P2, s, e } }) => [
      index,
      { P2: bytesToHex(P2), s: bytesToHex(s), e: bytesToHex(e) },
    ]),
  );
  const P = bytesToHex(made[0]?.opening.P ?? new Uint8Array(0));
  const file = { used: [], external: { [`${coin.txid}:1`]: { P, reveal } } };

  expect(parseCommitmentsFile(JSON.stringify(file))?.external[0]?.proofs.map(({ index }) => index)).toEqual([
    9,
  ]);
});

it("takes what was used in the form in which it is looked for", () => {
  const used = ["AB".repeat(32), "cd".repeat(32)];

  expect(parseCommitmentsFile(JSON.stringify({ used, external: {} }))?.used).toEqual([
    "ab".repeat(32),
    "cd".repeat(32),
  ]);
});

it("leaves out what proves nothing, and says how much that was", () => {
  const swapped = fileOf((reveal) => {
    const { "0": first, "1": second } = reveal;
    reveal["0"] = second ?? {};
    reveal["1"] = first ?? {};
  });
  const beyond = fileOf((reveal) => {
    reveal["200"] = reveal["2"] ?? {};
  });
  const nonsense = fileOf((reveal) => {
    reveal["0"] = { P2: "02", s: "", e: "" };
  });

  const indexes = (file: object) =>
    parseCommitmentsFile(JSON.stringify(file))?.external.map(({ proofs }) =>
      proofs.map(({ index }) => index),
    );
  expect(indexes(swapped)).toEqual([[2]]);
  expect(indexes(beyond)).toEqual([[0, 1, 2]]);
  expect(indexes(nonsense)).toEqual([]);
  expect(
    parseCommitmentsFile(JSON.stringify({ used: [1, "xx"], external: { here: {}, "ab:0": null } })),
  ).toEqual({ used: [], external: [], ignored: 4 });
});

it.each(["", "{}", "[]", "null", '{"used": {}, "external": []}', `${"[".repeat(300_000)}`])(
  "is no such file: %.20s",
  (text) => {
    expect(parseCommitmentsFile(text)).toBeUndefined();
  },
);
