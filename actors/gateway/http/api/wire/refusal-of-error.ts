/** What clients are told of the failures of the actors behind this door: our codes become the statuses that they know. */
import { TroupeError } from "../../../../../runtime/errors.ts";
import { Refusal, type RefusalName, tokenRefusal } from "./refusal.ts";

/** `said`: the failure's own message, made for people, stands in the place of the general one. */
interface Told {
  readonly refusal: RefusalName;
  readonly isSaid: boolean;
}

const plain = (refusal: RefusalName): Told => ({ refusal, isSaid: false });
const said = (refusal: RefusalName): Told => ({ refusal, isSaid: true });

const TOLD: Readonly<Record<string, Told>> = Object.freeze({
  WALLETD_WRONG_PASSWORD: plain("InvalidCredentials"),
  WALLETD_TOO_MANY_TRIES: said("TooManyRequests"),
  WALLETD_BAD_NAME: plain("InvalidRequestFormat"),
  WALLETD_FILE_EXISTS: plain("WalletAlreadyExists"),
  WALLETD_FILE_LOCKED: plain("LockExists"),
  WALLETD_FILE_MISSING: plain("NoWalletFound"),
  WALLETD_FILE_TRUNCATED: said("NoWalletFound"),
  WALLETD_FILE_CORRUPT: said("NoWalletFound"),
  WALLETD_FILE_VERSION: said("NoWalletFound"),
  WALLETD_FILE_UNKNOWN: said("NoWalletFound"),
  WALLETD_FILE_UNSUPPORTED: said("NoWalletFound"),
  WALLETD_FILE_NETWORK: said("NoWalletFound"),
  WALLETD_DISK_FULL: said("BackendNotReady"),
  WALLETD_DISK_READ_ONLY: said("BackendNotReady"),
  WALLETD_DISK_FAILED: said("BackendNotReady"),
  WALLETD_STORE_CLOSED: said("BackendNotReady"),
  WALLETD_NOT_SYNCED: said("BackendNotReady"),
  WALLETD_TOO_MANY_OPEN: said("ActionNotAllowed"),
  WALLETD_TOO_MANY: said("ActionNotAllowed"),
  WALLETD_TOO_FAST: said("TooManyRequests"),
  WALLETD_PASSWORD_NEEDED: said("ActionNotAllowed"),
  WALLETD_WORDS: said("InvalidRequestFormat"),
  WALLETD_NO_SUCH_PLACE: said("InvalidRequestFormat"),
  WALLETD_ADDRESS: said("InvalidRequestFormat"),
  WALLETD_PSBT: said("InvalidRequestFormat"),
  WALLETD_SETTING: said("ConfigNotPresent"),
  WALLETD_FUNDS: said("TransactionFailed"),
  WALLETD_COIN: said("TransactionFailed"),
  WALLETD_DUST: said("TransactionFailed"),
  WALLETD_FEE: said("TransactionFailed"),
  WALLETD_LIMIT: said("TransactionFailed"),
  WALLETD_NOT_BUMPABLE: said("TransactionFailed"),
  WALLETD_NOT_TAKEN: said("TransactionFailed"),
  WALLETD_NOT_KNOWN_SENT: said("TransactionFailed"),
  MAKER_TOO_MANY: said("ActionNotAllowed"),
  MAKER_TERMS: said("ActionNotAllowed"),
  MAKER_NO_GRANT: said("BackendNotReady"),
  MAKER_NOT_RUNNING: plain("ServiceNotStarted"),
  TAKER_NOT_READY: said("BackendNotReady"),
  TAKER_NO_MARKET: said("BackendNotReady"),
  TAKER_BUSY: said("ActionNotAllowed"),
  TAKER_FEW_MAKERS: said("TransactionFailed"),
  TAKER_TOO_SMALL: said("TransactionFailed"),
  TAKER_ADDRESS: said("InvalidRequestFormat"),
  TAKER_FEERATE: said("TransactionFailed"),
  TAKER_NO_SUCH_RUN: plain("ServiceNotStarted"),
  TAKER_NO_SUCH_TUMBLE: plain("ServiceNotStarted"),
  TAKER_TUMBLES: plain("ServiceAlreadyStarted"),
  TAKER_SCHEDULE: said("ActionNotAllowed"),
  TAKER_NO_COINS: said("NotEnoughCoinsForTumbler"),
  BUS_BAD_REQUEST: plain("InvalidRequestFormat"),
  BUS_NOT_FOUND: said("NotAvailable"),
  BUS_TOO_LARGE: plain("TooLarge"),
  BUS_BUSY: plain("TooManyRequests"),
  BUS_CONFLICT: said("ActionNotAllowed"),
  BUS_UNAVAILABLE: plain("BackendNotReady"),
  BUS_DEADLINE: plain("BackendNotReady"),
  BUS_CLOSED: plain("BackendNotReady"),
  RUNTIME_QUEUE_FULL: plain("TooManyRequests"),
});

export function refusalOfError(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof TroupeError) return refusalOfTroupe(error);
  const status = (error as { statusCode?: number }).statusCode ?? 500;
  if (status === 413) return new Refusal("TooLarge");
  return status < 500 ? new Refusal("InvalidRequestFormat") : new Refusal("Failed", { cause: error });
}

function refusalOfTroupe(error: TroupeError): Refusal {
  const { code, message } = error;
  if (code === "WALLETD_NO_SESSION") return tokenRefusal("invalid");
  const told = TOLD[code];
  if (told === undefined) return new Refusal("Failed", { cause: error });
  const { retryAfterMs, outcome } = error.data as { retryAfterMs?: unknown; outcome?: unknown };
  return new Refusal(told.refusal, {
    ...(told.isSaid && { message }),
    // Beside the sentence for people, the code for programs that know us; and whether repeating could do it twice.
    fields: { code, ...(outcome === "unknown" && { outcome }) },
    ...(typeof retryAfterMs === "number" && {
      headers: { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
    }),
    cause: error,
  });
}
