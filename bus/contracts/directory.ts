/** What others know of our directory node: where bots find it, and how many are there. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";

const Count = z.int().min(0);

export const DirectoryStatusSchema = z.object({
  /** Where it listens, `host:port`. */
  address: z.string().max(300),
  nick: z.string().max(16),
  /** Bots that have introduced themselves. */
  bots: Count,
  /** Of these, those that others can connect to: makers, as a rule. */
  serving: Count,
  /** Of these, those that have proven that their nick is theirs. */
  proven: Count,
  banned: Count,
});
export type DirectoryStatus = z.infer<typeof DirectoryStatusSchema>;

export const directoryContract = contract("directory", {
  semver: "1.0.0",
  doc: "A directory node of JoinMarket's onion channel: it introduces makers and takers, and carries their messages.",
  instances: "any",
}).state("status", {
  doc: "Where it is and who is there, on each change and every 10 s.",
  body: DirectoryStatusSchema,
  readers: ["gateway", "operator", "maker", "taker"],
});
