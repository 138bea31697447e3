/** Electrum's fee histogram, by the rule of ElectrumX, and its steps of estimate targets. */

export interface Weighed {
  readonly feeSat: number;
  readonly sizeVb: number;
}

/** Virtual bytes of the first bin; each further one is a tenth larger. */
const FIRST_BIN_VB = 30_000;
const BIN_GROWTH = 1.1;
/** Rates are rounded down to tenths of a sat/vB. */
const STEPS = 10;

/** Pairs of a feerate in sat/vB and the virtual size that pays at least it and less than the pair before. */
export function feeHistogram(entries: Iterable<Weighed>): [number, number][] {
  const sizes = new Map<number, number>();
  for (const { feeSat, sizeVb } of entries) {
    const step = Math.floor((STEPS * feeSat) / sizeVb);
    sizes.set(step, (sizes.get(step) ?? 0) + sizeVb);
  }
  return binned([...sizes].sort(([a], [b]) => b - a).map(([step, sizeVb]) => [step / STEPS, sizeVb]));
}

/** `rates` descending. What is left below the last full bin is not told. */
export function binned(rates: readonly (readonly [rate: number, sizeVb: number])[]): [number, number][] {
  const bins: [number, number][] = [];
  let binVb = FIRST_BIN_VB;
  let sumVb = 0;
  let before: number | undefined;
  const close = (rate: number) => {
    bins.push([rate, sumVb]);
    sumVb = 0;
    binVb *= BIN_GROWTH;
  };
  for (const [rate, sizeVb] of rates) {
    // A rate that fills two bins alone does not swallow those above it.
    if (sizeVb > 2 * binVb && before !== undefined && sumVb > 0) close(before);
    sumVb += sizeVb;
    if (sumVb > binVb) close(rate);
    before = rate;
  }
  return bins;
}

/** Electrum's steps: so few that the answers for all of them can be kept until the next block. */
export function estimateTarget(blocks: number): number {
  if (blocks <= 1) return 1;
  if (blocks <= 12) return blocks;
  if (blocks === 25) return 25;
  if (blocks <= 48) return 2 * Math.floor(blocks / 2);
  if (blocks <= 1_008) return 24 * Math.floor(blocks / 24);
  return 1_008;
}
