/** The sandbox node's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const sandboxErrors = errorTable({
  SANDBOX_BAD_ADDRESS: {
    meaning: "The address that shall get the sandbox's block rewards is no regtest address.",
    remedy: "Set [sandbox] mine_to to an address that begins with bcrt1, or leave it out.",
  },
  SANDBOX_BITCOIND_FAILED: {
    meaning: "The bitcoind that keeps the sandbox's chain did not start, ended by itself, or mined no block.",
    remedy: 'Read its last words in the message; set [sandbox] bitcoind to "none" to do without it.',
  },
  SANDBOX_BITCOIND_MISSING: {
    meaning: "The sandbox's chain was begun by a bitcoind, and none is to be found now.",
    remedy: "Name one with BITCOIND or [sandbox] bitcoind, or begin anew in another data directory.",
  },
  SANDBOX_WRONG_NETWORK: {
    meaning: "The sandbox's own node was asked to run on a network other than regtest.",
    remedy: "Start with --sandbox, or set [placement] node to off and use a bitcoind.",
  },
});
