/** Who asks the wallet daemon, how long it may take, and how much may be asked at once. */
export const LARGE_REQUEST_BYTES = 700 * 1024;
/** BIP329 lines of a wallet with ten thousand labelled addresses. */
export const LABELS_TEXT_MAX = 500_000;
/** Another program's wallet file, in base64. */
export const FILE_TEXT_MAX = 600_000;

export const OWNERS = ["operator", "gateway"] as const;
export const COINJOIN_SIDES = ["maker", "taker"] as const;
/** The ledger keeps people's accounts: it pays out, and mixes nothing. */
export const GRANT_HOLDERS = [...COINJOIN_SIDES, "ledger"] as const;
/** A wallet file's key is made slowly on purpose, and two may be asked for at once. */
export const SLOW = { deadlineMs: 60_000, concurrency: 4, queue: 16, callers: OWNERS } as const;
export const QUICK = { deadlineMs: 10_000, idempotency: "idempotent", callers: OWNERS } as const;
/** Signing asks nobody but the disk; a broadcast asks the node. */
export const SENDING = {
  deadlineMs: 60_000,
  idempotency: "key",
  callers: OWNERS,
  concurrency: 4,
  queue: 32,
} as const;
