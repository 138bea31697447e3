/** What the door has done, counted by plain numbers: at tens of thousands of requests a second a meter's own bookkeeping would show. */

/** Bucket n holds what took less than 2^n times this. */
const BUCKET_0_MS = 0.05;
const BUCKETS = 24;

export interface MethodTally {
  calls: number;
  errors: number;
  totalMs: number;
  readonly buckets: Uint32Array;
}

export interface MethodStats {
  readonly method: string;
  readonly calls: number;
  readonly errors: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Why a session ended, in words that fit a label. */
export type ClosedBy =
  | "client"
  | "version"
  | "cost"
  | "idle"
  | "slow"
  | "unread"
  | "buffer"
  | "framing"
  | "limit"
  | "operator"
  | "stranded"
  | "shutdown";

export class Tally {
  /** Only declared methods and `unknown`: a client must not be able to make rows. */
  readonly methods = new Map<string, MethodTally>();
  readonly errors = new Map<number, number>();
  readonly closed = new Map<ClosedBy, number>();
  sessionsOpened = 0;
  sessionsRefused = 0;
  notifications = 0;
  receivedBytes = 0;
  sentBytes = 0;

  call(method: string, tookMs: number, isError: boolean): void {
    let tally = this.methods.get(method);
    if (tally === undefined) {
      tally = { calls: 0, errors: 0, totalMs: 0, buckets: new Uint32Array(BUCKETS) };
      this.methods.set(method, tally);
    }
    tally.calls++;
    if (isError) tally.errors++;
    tally.totalMs += tookMs;
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log2(tookMs / BUCKET_0_MS))));
    tally.buckets[bucket] = (tally.buckets[bucket] ?? 0) + 1;
  }

  error(code: number): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  close(by: ClosedBy): void {
    this.closed.set(by, (this.closed.get(by) ?? 0) + 1);
  }

  /** The busiest first. */
  stats(): MethodStats[] {
    return [...this.methods]
      .map(([method, { calls, errors, totalMs, buckets }]) => ({
        method,
        calls,
        errors,
        meanMs: round(totalMs / calls),
        p50Ms: round(quantileMs(buckets, calls, 0.5)),
        p99Ms: round(quantileMs(buckets, calls, 0.99)),
      }))
      .sort((a, b) => b.calls - a.calls);
  }
}

/** The upper end of the bucket in which that share of the calls lies. */
function quantileMs(buckets: Uint32Array, calls: number, share: number): number {
  let seen = 0;
  for (let at = 0; at < buckets.length; at++) {
    seen += buckets[at] ?? 0;
    if (seen >= calls * share) return BUCKET_0_MS * 2 ** at;
  }
  return BUCKET_0_MS * 2 ** BUCKETS;
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
