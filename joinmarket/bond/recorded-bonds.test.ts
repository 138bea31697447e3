import { expect, it } from "vitest";
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { checkBondProof, isBondOutput } from "./proof.ts";
import { bondValue } from "./value.ts";

interface RecordedBond {
  readonly by: string;
  readonly maker: string;
  readonly taker: string;
  readonly proof: string;
  readonly height: number;
  readonly script: string;
  readonly valueSat: number;
  readonly confirmedS: number;
  readonly locktime: number;
  readonly values: Readonly<Record<string, number>>;
}

const { bonds } = readVectors<{ bonds: RecordedBond[] }>("joinmarket-coinjoins");

it.each(bonds.map((bond) => [bond.by, bond] as const))(
  "a bond that %s proved holds, for its taker alone, and is worth the same to all",
  (_by, { maker, taker, proof, height, script, values, ...coin }) => {
    const claim = checkBondProof(proof, { maker, taker }, height);
    expect(claim?.locktime).toBe(coin.locktime);
    expect(claim !== undefined && isBondOutput(claim, hexToBytes(script))).toBe(true);
    expect(checkBondProof(proof, { maker, taker: maker }, height)).toBeUndefined();

    const value = bondValue(coin, coin.confirmedS);
    for (const [program, theirs] of Object.entries(values)) {
      expect(program === "joinmarket-ng" ? Math.floor(value) : value).toBe(theirs);
    }
  },
);
