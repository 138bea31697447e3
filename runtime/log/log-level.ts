/** The levels of the log, from talkative to silent; apart from the log itself, for those who only name one. */

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
