/** Who asks the ledger, and how long it may take. */
const ASKERS = ["gateway", "operator"] as const;

/** Answered from the books. */
export const READ = { deadlineMs: 5_000, idempotency: "idempotent", callers: ASKERS } as const;
/** Answered when it is on the disk; asking twice does it once. */
export const WRITE = { deadlineMs: 10_000, idempotency: "idempotent", callers: ASKERS } as const;
/** The same, told apart by the key of the call. */
export const ONCE = { deadlineMs: 10_000, idempotency: "key", callers: ASKERS } as const;
