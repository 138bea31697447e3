/** A contract for tests of supervision: one harmless request, one that must happen exactly once, one that breaks the callee. */
import { z } from "zod";
import { contract } from "../../../bus/contract/contract.ts";

/** How a dummy breaks when it is asked to. `mute`: its loop turns on, but it answers nobody any more. `finish`: it ends well, by itself. */
export const BREAKS = ["throw", "rejection", "exit", "loop", "sigkill", "mute", "finish"] as const;
export type DummyBreak = (typeof BREAKS)[number];

/** Long, because the tests' machine may be busy with anything; who wants to know sooner says so in his call. */
const PATIENCE_MS = 30_000;

export const dummyContract = contract("dummy", {
  semver: "1.0.0",
  doc: "Does nothing of use, reliably.",
  instances: "keyed",
})
  .rpc("echo", {
    doc: "Says the same, and who says it.",
    input: z.object({ text: z.string().max(1_000) }),
    output: z.object({ text: z.string(), epoch: z.string() }),
    deadlineMs: PATIENCE_MS,
    idempotency: "idempotent",
    callers: ["driver"],
  })
  .rpc("append", {
    doc: "Writes a value into the journal, durably, once for each key, and says in which line it stands.",
    input: z.object({ value: z.string().max(200) }),
    output: z.object({ line: z.int() }),
    deadlineMs: PATIENCE_MS,
    idempotency: "key",
    callers: ["driver"],
  })
  .rpc("break", {
    doc: "Breaks, a moment after the answer.",
    input: z.object({ how: z.enum(BREAKS) }),
    output: z.object({}),
    deadlineMs: PATIENCE_MS,
    idempotency: "idempotent",
    callers: ["driver"],
  });
