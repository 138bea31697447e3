/** The maker's error codes. */
import { errorTable, TroupeError } from "../../runtime/errors.ts";

export const makerErrors = errorTable({
  MAKER_NOT_RUNNING: {
    meaning: "This wallet does not earn.",
    remedy: "See which do: `supervisor earn status`. Start one: `supervisor earn start --wallet <name>`.",
  },
  MAKER_TOO_MANY: {
    meaning: "As many wallets earn as one maker serves.",
    remedy: "Stop one: `supervisor earn stop --wallet <name>`.",
  },
  MAKER_TERMS: {
    meaning: "No offer can be made on these terms.",
    remedy:
      "Give a fee and a smallest amount that an offer can have; `supervisor earn start --help` shows them.",
  },
  MAKER_NO_GRANT: {
    meaning:
      "The wallet daemon knows of no such grant: the wallet was locked, or the grant was taken back or has run out.",
    remedy: "Unlock the wallet and start again: `supervisor earn start --wallet <name>`.",
  },
});

export type MakerFailure =
  | { readonly code: "MAKER_NOT_RUNNING"; readonly wallet: string }
  | { readonly code: "MAKER_TOO_MANY"; readonly most: number }
  | { readonly code: "MAKER_TERMS"; readonly what: string }
  | { readonly code: "MAKER_NO_GRANT"; readonly wallet: string };

export class MakerError<F extends MakerFailure = MakerFailure> extends TroupeError<F> {}
