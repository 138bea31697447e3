/** What every served contract answers without declaring it: `health` for the supervisor, `snapshot` for those who read its state. */
import { z } from "zod";
import type { Contract } from "../contract/contract.ts";

export const SUPERVISOR = "supervisor";

export const HealthSchema = z.object({
  state: z.enum(["starting", "syncing", "ready", "degraded", "suspended", "stopping"]),
  /** A sentence for the tree, such as `block 120,000 of 951,658`. */
  progress: z.string().max(200).optional(),
});
export type Health = z.infer<typeof HealthSchema>;

/** The contract of one actor's `health`: `bus.client(healthContract("walletd"), instance).health({})`. */
export function healthContract<N extends string>(actor: N) {
  return bareContract(actor, {
    health: {
      doc: "How far the actor is: asked every 10 s, three misses are a death.",
      input: z.object({}),
      output: HealthSchema,
      deadlineMs: 1_000,
      idempotency: "idempotent" as const,
      callers: [SUPERVISOR],
      queue: 16,
    },
  });
}

export const SnapshotSchema = z.object({
  epoch: z.string().max(32),
  seq: z.int().min(0),
  /** The last value of every state that the caller may read. */
  states: z.record(z.string(), z.unknown()),
});
export type Snapshot = z.infer<typeof SnapshotSchema>;

/** The contract of one publisher's `snapshot`, for all who may read any of its events or states. */
export function snapshotContract<C extends Contract>(of: C) {
  return bareContract(of.name as C["name"], {
    snapshot: {
      doc: "Epoch, sequence number and the last states of one instance: where a consumer that lost its place begins again.",
      input: z.object({}),
      output: SnapshotSchema,
      deadlineMs: 5_000,
      idempotency: "idempotent" as const,
      callers: readersOf(of),
    },
  });
}

/** Everybody who may read at least one event or state; `"*"` in the list when some may be read by all. */
export function readersOf(of: Contract): readonly string[] {
  const readers = new Set<string>();
  for (const declaration of [...Object.values(of.events), ...Object.values(of.states)]) {
    for (const reader of declaration.readers === "*" ? ["*"] : declaration.readers) readers.add(reader);
  }
  return [...readers].sort();
}

type NoEntries = Readonly<Record<never, never>>;

function bareContract<N extends string, R extends Contract["rpcs"]>(
  name: N,
  methods: R,
): Contract<N, R, NoEntries, NoEntries> {
  return Object.freeze({
    name,
    semver: "1.0.0",
    doc: "Answered by every actor.",
    instances: "any",
    rpcs: Object.freeze(methods),
    events: Object.freeze({}),
    states: Object.freeze({}),
  });
}
