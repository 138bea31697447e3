/** What a client sends: JSON, read from the raw bytes whatever the client says that it is. */
import type { z } from "zod";
import { isTooDeep } from "../../../nesting.ts";
import { Refusal } from "./refusal.ts";

/** Our deepest body nests three times. */
const DEPTH_MAX = 8;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Throws `InvalidRequestFormat` unless it is what the schema wants; keys that it does not know are dropped. */
export function readBody(schema: z.ZodType, raw: unknown): unknown {
  return checked(schema, parsed(Buffer.isBuffer(raw) ? raw : Buffer.alloc(0)));
}

/** The same for what stands in the URL. */
export function checked(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new Refusal("InvalidRequestFormat", {
    fields: { error_description: `${where === "" ? "body" : where}: ${issue?.message ?? "not valid"}` },
  });
}

function parsed(raw: Buffer): unknown {
  if (isTooDeep(raw, DEPTH_MAX)) throw new Refusal("InvalidRequestFormat");
  try {
    return JSON.parse(utf8.decode(raw));
  } catch {
    // Neither the parser's words nor the client's: a password may be among them.
    throw new Refusal("InvalidRequestFormat");
  }
}
