/** What others know of the gateway: at which addresses outsiders find the troupe. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";
import { DoorSchema } from "./supervisor.ts";

export const gatewayContract = contract("gateway", {
  semver: "1.0.0",
  doc: "Opens the doors through which outsiders come in: browsers, Electrum wallets, XMPP clients.",
  instances: "any",
}).rpc("doors", {
  doc: "The doors that are open now.",
  input: z.object({}),
  output: z.object({ doors: z.array(DoorSchema).max(64) }),
  deadlineMs: 1_000,
  idempotency: "idempotent",
  callers: ["supervisor", "operator"],
});
