/** The command line's error codes, and which failures are the caller's own mistake. */
import { errorTable, TroupeError } from "../runtime/errors.ts";

export const cliErrors = errorTable({
  CLI_MISUSE: {
    meaning: "The command was called in a way that makes no sense.",
    remedy: "The message says what is wrong; `supervisor <command> --help` shows how it is meant.",
  },
  CLI_DETACHED_FAILED: {
    meaning: "The supervisor that was started in the background ended before it was ready.",
    remedy: "See `supervisor logs supervisor`, or start it without --detach and look.",
  },
  CLI_TAP_DENIED: {
    meaning: "The broker does not let the operator hear this subject.",
    remedy:
      "Events and states may be heard: evt.> and state.>. Requests and replies are private to their actors.",
  },
});

/** 0 ok, 1 failed, 2 misuse; 70: the root supervisor gave up. */
export const EXIT = Object.freeze({ ok: 0, failed: 1, misuse: 2, gaveUp: 70 });

const MISUSE =
  /^(CLI_MISUSE|RUNTIME_CONFIG_|RUNTIME_SECRET_|SUPERVISOR_(ALREADY_RUNNING|PATH_TOO_LONG|HOST_TAKEN|DATA_UNUSABLE|WRONG_NETWORK|PORT_IN_USE|BAD_PLAN|NO_NODE)$)/;

export function exitCodeOf(error: unknown): number {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && MISUSE.test(code) ? EXIT.misuse : EXIT.failed;
}

export function misuse(message: string): TroupeError {
  return new TroupeError({ code: "CLI_MISUSE" }, message);
}
