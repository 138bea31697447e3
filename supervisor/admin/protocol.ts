/** What is said over the supervisor's Unix socket: one JSON object a line, few methods, all bounded. It works when the bus is dead. */
import { z } from "zod";
import { SETTABLE_LEVELS, TreeSchema } from "../../bus/contracts/supervisor.ts";

/** Longer than any order. */
export const REQUEST_BYTES_MAX = 4_096;
/** A tree of many children with long errors is far below it. */
export const REPLY_BYTES_MAX = 4 * 1024 * 1024;

/** A step of a start or a stop, for the person who watches. */
export const StepSchema = z.object({
  what: z.string().max(64),
  phase: z.enum(["begin", "done", "failed"]),
  /** What `what` does: `start`, `stop`. */
  verb: z.enum(["start", "stop"]),
  tookMs: z.number().optional(),
  detail: z.string().max(2_000).optional(),
});
export type Step = z.infer<typeof StepSchema>;

/** How the person at the terminal reaches the bus, read-only. */
export const OperatorAccessSchema = z.object({
  servers: z.array(z.string()),
  user: z.string(),
  seed: z.string().optional(),
  credentials: z.string().optional(),
  tls: z
    .object({ ca: z.string().optional(), cert: z.string().optional(), key: z.string().optional() })
    .optional(),
  connectTimeoutMs: z.number(),
});
export type OperatorAccess = z.infer<typeof OperatorAccessSchema>;

/** Every method with what it takes and gives. */
export const adminMethods = Object.freeze({
  /** The tree as it is now. */
  tree: { input: z.object({}), output: TreeSchema },
  /** Stops everything in reverse order. A second one with `force` ends it at once. */
  stop: { input: z.object({ force: z.boolean().default(false) }), output: z.object({}) },
  /** One child, or all of them one after the other. */
  restart: {
    input: z.object({ child: z.string().min(1).max(48).optional() }),
    output: z.object({ restarted: z.array(z.string()) }),
  },
  /** How much one child writes into its log, until it is started again. */
  logLevel: {
    input: z.object({ child: z.string().min(1).max(48), level: z.enum(SETTABLE_LEVELS) }),
    output: z.object({ isSet: z.boolean() }),
  },
  /** Credentials of `operator` for `tap`. Only whoever may open the socket, mode 0600, gets them. */
  access: { input: z.object({}), output: OperatorAccessSchema },
});
export type AdminMethods = typeof adminMethods;
export type AdminMethod = keyof AdminMethods;
export type AdminInput<M extends AdminMethod> = z.input<AdminMethods[M]["input"]>;
export type AdminOutput<M extends AdminMethod> = z.output<AdminMethods[M]["output"]>;

export const RequestSchema = z.object({
  id: z.int().nonnegative(),
  method: z.enum(Object.keys(adminMethods) as [AdminMethod, ...AdminMethod[]]),
  params: z.unknown().optional(),
});

export const ReplySchema = z.object({
  id: z.int(),
  step: StepSchema.optional(),
  result: z.unknown().optional(),
  error: z
    .object({ code: z.string(), message: z.string(), data: z.record(z.string(), z.unknown()) })
    .optional(),
});
export type Reply = z.infer<typeof ReplySchema>;

/**
 * Cuts a stream of bytes into lines. `onLine` gets each without its end; a line longer than `bytesMax` ends the stream
 * by `onOverrun`, since whoever sends it does not speak this protocol.
 */
export function lineReader(bytesMax: number, onLine: (line: string) => void, onOverrun: () => void) {
  let parts: Buffer[] = [];
  let lengthBytes = 0;
  return (chunk: Buffer): void => {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]);
      parts = [];
      lengthBytes = 0;
      from = end + 1;
      if (line.length > bytesMax) {
        onOverrun();
        return;
      }
      if (line.length > 0) onLine(line.toString("utf8"));
    }
    const rest = chunk.subarray(from);
    lengthBytes += rest.length;
    if (lengthBytes > bytesMax) onOverrun();
    else if (rest.length > 0) parts.push(rest);
  };
}
