/** What the bus benchmark asks: an echo as JSON and as bytes through a contract, and one below all contracts. */
import { z } from "zod";
import { bytes, contract } from "../../bus/contract/contract.ts";

const text = z.object({ text: z.string().max(32 * 1024) });

export const echoContract = contract("echo", {
  semver: "1.0.0",
  doc: "Gives back what it was given.",
  instances: "any",
})
  .rpc("json", {
    doc: "An object with one text.",
    input: text,
    output: text,
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: ["requester"],
    concurrency: 64,
  })
  .rpc("blob", {
    doc: "Bytes as they are.",
    input: bytes(),
    output: bytes(),
    content: "bytes",
    requestContent: "bytes",
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: ["requester"],
    concurrency: 64,
  });

/** Carrier only: publish, and a reply to the inbox. */
export const RAW_SUBJECT = "troupe.v1.rpc.echo.any.raw.requester";

/** `raw` is the carrier's own figure; `json` and `blob` go through stub, headers, deadlines, validation and queue. */
export type Layer = "raw" | "json" | "blob";
