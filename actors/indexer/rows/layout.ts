/** The rows that blocks become: which tables there are and what the bytes of a row mean. */

/**
 * Every number is big-endian, so that byte order is row order. Within a key rows stand in the order of the chain.
 *
 * Keys are the first bytes of a *keyed* function of a hash (`row-key.ts`) under a secret of this store. Nobody who
 * does not know the secret can look for scripts or transactions whose keys collide, so only chance is left, and for
 * the two tables whose rows cannot be checked against anything else the key is wide enough for chance:
 *
 * - funding, 80 bits: with the 1.5e9 different scripts of mainnet the chance that any two of them anywhere share a
 *   key is (1.5e9)^2 / 2 / 2^80 = 1e-6; that a given script shares its own, 1e-15.
 * - spending, 80 bits: with 2e8 coins and 4e9 spends the chance that any coin is taken for spent is
 *   2e8 * 4e9 / 2^80 = 7e-7.
 * - transaction, 48 bits: a match is always compared with the whole txid, which is stored by position; a collision
 *   (1.4e9^2 / 2 / 2^48 = 3,500 on mainnet) costs one more read and nothing else.
 */

/** A table of rows of one width. `idBytes` of a row tell it from all others; what follows is its payload. */
export interface Table {
  readonly name: "funding" | "spending" | "transaction";
  readonly rowBytes: number;
  readonly keyBytes: number;
  /** Where the five bytes of the transaction's number begin: always right behind the key. */
  readonly txNumberAt: number;
  readonly idBytes: number;
}

/** script -> output: key 10, number of the transaction 5, index of the output 3, amount in satoshi 8. */
export const FUNDING: Table = Object.freeze({
  name: "funding",
  rowBytes: 26,
  keyBytes: 10,
  txNumberAt: 10,
  idBytes: 18,
});

/** outpoint -> spender: key 10 (of the txid, the output's index added to its last four bytes), number of the spender 5. */
export const SPENDING: Table = Object.freeze({
  name: "spending",
  rowBytes: 15,
  keyBytes: 10,
  txNumberAt: 10,
  idBytes: 15,
});

/** txid -> number of the transaction: key 6, number 5. */
export const TRANSACTION: Table = Object.freeze({
  name: "transaction",
  rowBytes: 11,
  keyBytes: 6,
  txNumberAt: 6,
  idBytes: 11,
});

/** In the order in which a merge goes through them. */
export const TABLES: readonly [Table, Table, Table] = Object.freeze([FUNDING, SPENDING, TRANSACTION]);

/**
 * Of every so many transactions of the chain the index keeps where in its block it begins: whoever looks for one in a
 * node's file walks over fewer than these. A quarter of a byte for each transaction.
 */
export const OFFSET_EVERY = 16;

export const VOUT_AT = 15;
export const AMOUNT_AT = 18;

/** Five bytes: 1.1e12 transactions. */
export function txNumberAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) * 0x1_0000_0000 + keyHeadAt(bytes, at + 1);
}

/** The row's first four bytes as a number: what rows are sorted and merges are sliced by. */
export function keyHeadAt(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
