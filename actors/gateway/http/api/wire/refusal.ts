/** How this API says no: the statuses and sentences of JoinMarket's wallet daemon, which its clients show or act on. */
import type { TokenFault } from "../tokens/token-pairs.ts";

const SERVICE_STATE = 'Bearer, error="service_state"';

/**
 * `service_state` marks a 401 that says nothing about the token, so that a client does not log out for it.
 * The messages are those of the original, which people and programs know.
 */
const REFUSALS = Object.freeze({
  /** The token is missing, expired, revoked or nonsense. */
  InvalidToken: { status: 401, message: "" },
  InsufficientScope: { status: 403, message: "" },
  InvalidRequestFormat: { status: 400, message: "Invalid request format." },
  ActionNotAllowed: { status: 400, message: "Action not allowed" },
  InvalidCredentials: { status: 401, message: "Invalid credentials." },
  WalletAlreadyUnlocked: { status: 401, message: "Wallet already unlocked." },
  ServiceAlreadyStarted: { status: 401, message: "Service already started." },
  ServiceNotStarted: { status: 401, message: "Service cannot be stopped as it is not running." },
  OtherSite: { status: 403, message: "Not for other sites." },
  NotFound: { status: 404, message: "There is no such path." },
  NoWalletFound: { status: 404, message: "No wallet loaded." },
  YieldGeneratorDataUnreadable: { status: 404, message: "Yield generator report not available." },
  MethodNotAllowed: { status: 405, message: "This path takes another method." },
  WalletAlreadyExists: { status: 409, message: "Wallet file cannot be overwritten." },
  /** `ServiceAlreadyStarted` of the one path that answers so. */
  ServiceBusy: { status: 409, message: "Service already started." },
  LockExists: { status: 409, message: "Wallet cannot be created/opened, it is locked." },
  ConfigNotPresent: { status: 409, message: "Action cannot be performed, config vars are not set." },
  TransactionFailed: { status: 409, message: "Transaction failed." },
  NotEnoughCoinsForMaker: { status: 409, message: "Maker could not start, no confirmed coins." },
  NotEnoughCoinsForTumbler: { status: 409, message: "Tumbler could not start, no confirmed coins." },
  TooLarge: { status: 413, message: "The request is too large." },
  Misdirected: {
    status: 421,
    message: "Unknown host name; add it to http_host_names in [gateway] if it is yours.",
  },
  TooManyRequests: { status: 429, message: "Too many requests. Try again later." },
  Failed: { status: 500, message: "The request failed; the log of the gateway says why." },
  NotAvailable: { status: 501, message: "Not available here." },
  BackendNotReady: { status: 503, message: "Backend daemon not available" },
});

export type RefusalName = keyof typeof REFUSALS;

export function statusOf(name: RefusalName): number {
  return REFUSALS[name].status;
}

export function messageOf(name: RefusalName): string {
  return REFUSALS[name].message;
}

export interface RefusalDetails {
  /** Instead of the sentence of the original, where that would keep from people what they have to do. */
  readonly message?: string;
  /** Fields beside `message`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Thrown by whoever handles a request, and made into an answer in one place. */
export class Refusal extends Error {
  readonly refusal: RefusalName;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: the answer has no body. */
  readonly body: Readonly<Record<string, unknown>> | undefined;

  constructor(refusal: RefusalName, details: RefusalDetails = {}) {
    const message = details.message ?? messageOf(refusal);
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.refusal = refusal;
    this.status = statusOf(refusal);
    this.headers = {
      ...(this.status === 401 && { "www-authenticate": SERVICE_STATE }),
      ...details.headers,
    };
    this.body = message === "" ? undefined : { message, ...details.fields };
  }
}

/** What is wrong with a token is told in a header and not in a body, as OAuth 2.0 has it (RFC 6750). */
export function tokenRefusal(fault: TokenFault): Refusal {
  if (fault === "scope") return new Refusal("InsufficientScope", bearer("insufficient_scope", SCOPE_TEXT));
  const text = fault === "expired" ? "The access token provided is expired." : INVALID_TEXT;
  return new Refusal("InvalidToken", bearer("invalid_token", text));
}

const INVALID_TEXT = "The access token provided is revoked, malformed, or invalid for other reasons.";
const SCOPE_TEXT = "The request requires higher privileges than provided by the access token.";

function bearer(error: string, description: string): RefusalDetails {
  return { headers: { "www-authenticate": `Bearer, error="${error}", error_description="${description}"` } };
}
