/** The sandbox node's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const sandboxErrors = errorTable({
  SANDBOX_BAD_ADDRESS: {
    meaning: "The address that shall get the sandbox's block rewards is no regtest address.",
    remedy: "Set [sandbox] mine_to to an address that begins with bcrt1, or leave it out.",
  },
  SANDBOX_WRONG_NETWORK: {
    meaning: "The sandbox's own node was asked to run on a network other than regtest.",
    remedy: "Start with --sandbox, or set [placement] node to off and use a bitcoind.",
  },
});
