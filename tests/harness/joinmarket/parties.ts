/** Parties of coinjoins for tests: coins with their keys, makers and takers with random amounts. */
import fc from "fast-check";
import { type Txid, txidFromBytes } from "../../../bitcoin/bytes.ts";
import { sha256 } from "../../../bitcoin/hash.ts";
import { publicKeyOf, scalarToBytes } from "../../../bitcoin/keys/curve.ts";
import { keyScript } from "../../../bitcoin/keys/key-script.ts";
import type { CoinjoinCoin } from "../../../joinmarket/coinjoin/own-side.ts";
import { MAKER_CHANGE_SAT_MIN, type MakerPart } from "../../../joinmarket/coinjoin/shape.ts";

export interface KeyedCoin extends CoinjoinCoin {
  readonly privateKey: Uint8Array;
}

/** A number that no other part of the test has: keys, scripts and outpoints are made of it. */
export function keyNumber(number: number): Uint8Array {
  return scalarToBytes(BigInt(number + 1));
}

export function scriptNumber(number: number): Uint8Array {
  return keyScript(publicKeyOf(keyNumber(number)), "p2wpkh");
}

export function coinNumber(number: number, valueSat: number): KeyedCoin {
  const privateKey = keyNumber(number);
  const txid: Txid = txidFromBytes(sha256(privateKey));
  return { txid, vout: number % 7, valueSat, scriptPubKey: scriptNumber(number), privateKey };
}

export interface CoinjoinParties {
  readonly amountSat: number;
  readonly minerFeeSat: number;
  readonly takerCoins: readonly KeyedCoin[];
  readonly makers: readonly (MakerPart & { readonly coins: readonly KeyedCoin[] })[];
}

/** A taker with enough coins, and one to five makers with change enough; at most 15 coins each. */
export const coinjoinParties: fc.Arbitrary<CoinjoinParties> = fc
  .record({
    // One less than 2 is nothing, and a missing output is another fault than a small one.
    amountSat: fc.integer({ min: 2, max: 10_000_000 }),
    minerFeeSat: fc.integer({ min: 0, max: 100_000 }),
    takerRestSat: fc.integer({ min: 0, max: 1_000_000 }),
    takerCoins: fc.integer({ min: 1, max: 3 }),
    makers: fc.array(
      fc.record({
        coins: fc.integer({ min: 1, max: 3 }),
        coinjoinFeeSat: fc.integer({ min: 0, max: 5_000 }),
        txfeeSat: fc.integer({ min: 0, max: 500 }),
        changeSat: fc.integer({ min: MAKER_CHANGE_SAT_MIN, max: 1_000_000 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map(({ amountSat, minerFeeSat, takerRestSat, takerCoins, makers }) => {
    let next = 100;
    const coinsWorth = (totalSat: number, count: number) => {
      const share = Math.floor(totalSat / count);
      return Array.from({ length: count }, (_, at) =>
        coinNumber(next++, at === 0 ? totalSat - share * (count - 1) : share),
      );
    };
    const parts = makers.map(({ coins, changeSat, coinjoinFeeSat, txfeeSat }) => {
      // An offer that loses money is refused by its own maker.
      const feeSat = Math.max(coinjoinFeeSat, txfeeSat);
      return {
        coins: coinsWorth(amountSat + changeSat + txfeeSat - feeSat, coins),
        coinjoinScript: scriptNumber(next++),
        changeScript: scriptNumber(next++),
        coinjoinFeeSat: feeSat,
        txfeeSat,
      };
    });
    const feesSat = parts.reduce((sum, { coinjoinFeeSat }) => sum + coinjoinFeeSat, 0);
    const givenSat = parts.reduce((sum, { txfeeSat }) => sum + txfeeSat, 0);
    const neededSat = amountSat + feesSat + Math.max(minerFeeSat - givenSat, 0);
    return {
      amountSat,
      minerFeeSat,
      takerCoins: coinsWorth(neededSat + takerRestSat, takerCoins),
      makers: parts,
    };
  });
