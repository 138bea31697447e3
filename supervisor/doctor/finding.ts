/** What one check of the doctor found, and the few ways to say it. */

export type Verdict = "ok" | "warn" | "fail";

export interface Finding {
  /** Short and stable, for scripts: `disk`, `node`, `door gateway http`. */
  readonly check: string;
  readonly verdict: Verdict;
  /** What was seen. */
  readonly message: string;
  /** What to do about it; absent when all is well. */
  readonly remedy?: string;
}

export const ok = (check: string, message: string): Finding => ({ check, verdict: "ok", message });

export const warn = (check: string, message: string, remedy: string): Finding => ({
  check,
  verdict: "warn",
  message,
  remedy,
});

export const fail = (check: string, message: string, remedy: string): Finding => ({
  check,
  verdict: "fail",
  message,
  remedy,
});
