/** Tests of the door that no server can stand between; the table of conformance says of each why. */
import { it, type TestAPI } from "vitest";
import { isOverProsody } from "./wires.ts";

const leftOut = Object.assign(() => undefined, { each: () => () => undefined });

/** Not there at all in the run over a real Prosody, as nothing was skipped that could be seen there. */
export const withoutWire: Pick<TestAPI, "each"> & ((name: string, run: () => Promise<void>) => void) =
  isOverProsody ? leftOut : it;
