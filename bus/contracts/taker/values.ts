/** The small facts of the taker's contract that others' contracts share. */

export const COINJOIN_MAKERS_MAX = 20;
