/** What the pages of JAM ask beside the wallet API, and what its images answer in front of other backends. */
import { z } from "zod";
import type { RouteParts } from "../routes/parts.ts";
import { type Endpoint, endpoint } from "../wire/endpoint.ts";

export function jamEndpoints({ version, diary }: RouteParts): Endpoint[] {
  return [
    endpoint("GET", "/jam/api/v0/features", "jamfeatures", {
      doc: "Which parts of JAM need more than the wallet API, and whether they are there.",
      access: "token",
      answer: z.object({ features: z.object({ logs: z.boolean() }) }),
      handle: () => ({ features: { logs: true } }),
    }),
    endpoint("GET", "/jam/api/v0/info", "jaminfo", {
      doc: "What stands behind JAM.",
      answer: z.object({ backend: z.object({ name: z.string(), version: z.string() }) }),
      handle: () => ({ backend: { name: "Troupe", version } }),
    }),
    endpoint("GET", "/jam/api/v0/health", "jamhealth", {
      doc: "That this door is open.",
      answer: z.object({ status: z.literal("UP") }),
      handle: () => ({ status: "UP" }),
    }),
    ...["/jam/api/v0/log/{name}", "/api/v1/logs"].map((path, at) =>
      endpoint("GET", path, at === 0 ? "jamlog" : "logs", {
        doc: "What has happened at this door since the wallet was opened. The logs of the actors are in the troupe's folder.",
        access: "token",
        answer: "text",
        handle: () => diary.text,
      }),
    ),
  ];
}
