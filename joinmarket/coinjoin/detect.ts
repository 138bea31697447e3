/** Tells coinjoins from other transactions, and what a transaction did to a wallet, in the words of the peers' reports. */

/** How joinmarket-clientserver's `history` calls what a transaction did to the wallet. */
export type TransactionKind =
  | "deposit"
  | "cj sweepout"
  | "sweep out"
  | "cj intsweep"
  | "cj withdraw"
  | "withdraw"
  | "cj internal"
  | "internal"
  | "unknown";

export interface DetectedCoinjoin {
  /** What every participant got one output of. */
  readonly amountSat: number;
  readonly participants: number;
}

export interface OutputSeen {
  readonly valueSat: number;
  readonly isOurs: boolean;
}

/**
 * A coinjoin has the most frequent value k times, k above one, and k other outputs: everybody's change, or one
 * less after a sweep. Of values as frequent as each other the larger counts, which a mixed amount rather is than change.
 */
export function detectCoinjoin(
  outputs: readonly { readonly valueSat: number }[],
): DetectedCoinjoin | undefined {
  const counts = new Map<number, number>();
  for (const { valueSat } of outputs) counts.set(valueSat, (counts.get(valueSat) ?? 0) + 1);
  let amountSat = 0;
  let participants = 0;
  for (const [valueSat, count] of counts) {
    if (count < participants || (count === participants && valueSat < amountSat)) continue;
    amountSat = valueSat;
    participants = count;
  }
  const others = outputs.length - participants;
  const isCoinjoin = participants > 1 && (others === participants || others === participants - 1);
  return isCoinjoin ? { amountSat, participants } : undefined;
}

/** What a transaction did to the wallet that has `ownInputs` of its inputs; nothing if it did nothing. */
export function kindOfTransaction(
  ownInputs: number,
  outputs: readonly OutputSeen[],
): TransactionKind | undefined {
  const own = outputs.filter(({ isOurs }) => isOurs);
  if (ownInputs === 0) return own.length === 0 ? undefined : "deposit";
  const coinjoin = detectCoinjoin(outputs);
  if (own.length === 0) return coinjoin === undefined ? "sweep out" : "cj sweepout";
  if (coinjoin !== undefined && own.length === 1) {
    return own[0]?.valueSat === coinjoin.amountSat ? "cj intsweep" : "cj withdraw";
  }
  if (
    coinjoin !== undefined &&
    own.length === 2 &&
    own.some(({ valueSat }) => valueSat === coinjoin.amountSat)
  ) {
    return "cj internal";
  }
  if (own.length === outputs.length) return "internal";
  return own.length === 1 ? "withdraw" : "unknown";
}

/** What a coin is, by the transaction that made it. */
export type CoinRole = "deposit" | "coinjoin-output" | "coinjoin-change" | "change";

export function roleOfCoin(
  coin: { readonly valueSat: number; readonly isInternal: boolean },
  coinjoin: DetectedCoinjoin | undefined,
): CoinRole {
  if (coinjoin !== undefined)
    return coin.valueSat === coinjoin.amountSat ? "coinjoin-output" : "coinjoin-change";
  return coin.isInternal ? "change" : "deposit";
}
