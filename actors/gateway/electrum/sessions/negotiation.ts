/** `server.version`: who the client says it is, and which version both sides speak from then on. */
import { method, optional } from "../method.ts";
import { badRequest } from "../protocol-error.ts";
import {
  agree,
  type ProtocolVersion,
  type VersionRange,
  versionText,
  wantedRange,
} from "../protocol-version.ts";
import type { Session } from "../session.ts";

export const VERSION_METHOD = "server.version";

const CLIENT_NAME_LENGTH_MAX = 100;

export interface Introduction {
  readonly clientName: string;
  readonly asked: unknown;
}

/** Later protocols may add arguments, so others are ignored. */
export const versionMethod = method({
  name: VERSION_METHOD,
  params: [
    optional("client_name", (given) => printable(given), ""),
    optional("protocol_version", (given) => given, undefined),
  ],
  ignoresOthers: true,
  cost: 0.5,
  handle: ([clientName, asked]): Introduction => ({ clientName, asked }),
});

export interface Agreement {
  readonly version: ProtocolVersion;
  readonly answer: readonly [software: string, version: string];
}

/** Throws code 1 when there is none; the client is then told and the connection closed. */
export function negotiate(
  { asked }: Introduction,
  { software, range }: { readonly software: string; readonly range: VersionRange },
): Agreement {
  const wanted = wantedRange(asked, range);
  const version = wanted === undefined ? undefined : agree(range, wanted);
  if (version === undefined) throw badRequest(`unsupported protocol version: ${askedText(asked)}`);
  return { version, answer: [software, versionText(version)] };
}

/** Reads what the client said of itself. */
export function introduction(params: unknown, session: Session): Introduction {
  return versionMethod.call(params, session) as Introduction;
}

function printable(given: unknown): string {
  const text = typeof given === "string" ? given : JSON.stringify(given ?? "");
  // What goes to a terminal must not steer it.
  return text.slice(0, CLIENT_NAME_LENGTH_MAX).replace(/[^\x20-\x7e]/g, "?");
}

/** As ElectrumX prints it, whose clients have seen `['1.7', '1.8']`. */
function askedText(asked: unknown): string {
  const text = Array.isArray(asked)
    ? `[${asked.map((each) => (typeof each === "string" ? `'${each}'` : JSON.stringify(each))).join(", ")}]`
    : typeof asked === "string"
      ? asked
      : JSON.stringify(asked);
  return text.slice(0, 80);
}
