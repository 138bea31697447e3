/** Draws the same sample for the same seed. */

/** Up to `count` different whole numbers from 0 to `max`, the largest among them, in order. */
export function sampleOf(max: number, count: number, seed: number): number[] {
  if (max < 0) return [];
  if (count > max) return Array.from({ length: max + 1 }, (_, i) => i);
  const random = fractions(seed);
  const drawn = new Set([max]);
  while (drawn.size < count) drawn.add(Math.floor(random() * (max + 1)));
  return [...drawn].sort((a, b) => a - b);
}

/** Numbers from 0 up to 1 (mulberry32). */
function fractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
