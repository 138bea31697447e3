/** The place of a bot that nobody can connect to. */

export const NOT_SERVING = "NOT-SERVING-ONION";
