/** What every fuzzer says at its end: whether all that was thrown at the door has left something in memory. */

/** What stays after a collection may differ by so much: caches of the engine, connections that are just closing. */
export const GROWTH_BYTES_MAX = 32 * 1024 * 1024;
export const ROUNDS = 10;
/** By then everything has been used once. */
const WARM_ROUND = 3;

export function keptBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

/** `round` says what it has done. False when memory has grown. */
export async function staysFlat(name: string, round: () => Promise<string>): Promise<boolean> {
  let warmBytes = 0;
  for (let number = 1; number <= ROUNDS; number++) {
    const progress = await round();
    const bytes = keptBytes();
    if (number === WARM_ROUND) warmBytes = bytes;
    process.stdout.write(`${name}: ${progress}, ${megabytes(bytes)} MB kept\n`);
  }
  return globalThis.gc === undefined || keptBytes() - warmBytes < GROWTH_BYTES_MAX;
}
