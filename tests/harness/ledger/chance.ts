/** Numbers as if by chance, the same in each run of one seed. */
import { SEED } from "../seed.ts";

/** From 0 up to, and without, `end`. */
export function chance(): (end: number) => number {
  let drawn = SEED | 1;
  return (end) => {
    // Xorshift: enough to tell one code from another.
    drawn ^= drawn << 13;
    drawn ^= drawn >>> 17;
    drawn ^= drawn << 5;
    return (drawn >>> 8) % end;
  };
}
