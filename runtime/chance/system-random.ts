/** Chance as parts of a program take it: a number from 0 up to 1. The system's, unless a test wants the same ones each time. */
import { randomInt } from "node:crypto";

export type Random = () => number;

/** As many as `randomInt` draws from at once. */
const STEPS = 2 ** 32;

/** From the system's random source: what is drawn by it nobody foresees. */
export const systemRandom: Random = () => randomInt(STEPS) / STEPS;
