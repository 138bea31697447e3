/** Paths in a tree of keys (BIP32): as steps, and as the text `m/84'/0'/0'/0/5`. */
import { outOfRange } from "../errors.ts";

/** Added to a step whose key only the private parent can make. */
export const HARDENED = 0x8000_0000;
/** A step is below this before it is hardened. */
export const STEP_MAX = HARDENED - 1;

/** As deep as an extended key can say. */
const DEPTH_MAX = 255;
/** Four digits more than the longest path that a wallet uses; BIP32 itself has no bound. */
const TEXT_LENGTH_MAX = 200;
const STEP = /^(\d{1,10})(['hH]?)$/;

/** The steps of a path from the root, hardened ones marked by `'`, `h` or `H`. */
export function parseDerivationPath(text: string): readonly number[] {
  const [root, ...steps] = text.slice(0, TEXT_LENGTH_MAX + 1).split("/");
  if (text.length > TEXT_LENGTH_MAX || root !== "m" || steps.length > DEPTH_MAX) throw notAPath();
  return steps.map((step) => {
    const [, digits, mark] = STEP.exec(step) ?? [];
    const number = Number(digits);
    if (digits === undefined || number > STEP_MAX) throw notAPath();
    return mark === "" ? number : number + HARDENED;
  });
}

/** The text of steps from the root; hardened ones end in `'`. */
export function formatDerivationPath(steps: readonly number[]): string {
  return ["m", ...steps.map((step) => (step >= HARDENED ? `${step - HARDENED}'` : String(step)))].join("/");
}

export function hardened(step: number): number {
  if (!Number.isInteger(step) || step < 0 || step > STEP_MAX)
    throw outOfRange(`${step} is no step of a path`);
  return step + HARDENED;
}

function notAPath(): Error {
  return outOfRange("a path of keys is written like m/84'/0'/0'/0/5");
}
