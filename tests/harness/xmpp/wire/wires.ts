/** By what the door under test is linked to others in this run: by nothing, or by a real Prosody. */
import type { LinkEars } from "../../../../actors/gateway/xmpp/link/xmpp-link.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { LinkWithoutWire } from "./link-without-wire.ts";
import { ProsodyWire } from "./prosody-wire.ts";
import type { TestedLink } from "./tested-link.ts";

/** Set by the project of vitest that runs the suites of the door again. */
export const isOverProsody = process.env["TROUPE_XMPP_WIRE"] === "prosody";

let wire: Promise<ProsodyWire> | undefined;

/** Makes the link of a door, which has the server to itself. */
export async function usualLink(clock: Clock): Promise<(ears: LinkEars) => TestedLink> {
  if (!isOverProsody) return (ears) => new LinkWithoutWire(ears, clock);
  wire ??= ProsodyWire.start();
  const started = await wire;
  return (ears) => started.linkOf(ears);
}

export async function closeWire(): Promise<void> {
  await (await wire)?.stop();
}
