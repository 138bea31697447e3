/** The lines of the onion channel: JSON of a number and a text, written and read with the limits that peers have. */

/** Peers cut whoever sends more; so nothing longer is sent, or listened to. */
export const LINE_BYTES_MAX = 40_000;

/** What the number of a line means. Numbers that are not here are ignored: peers have their own. */
export const LineType = Object.freeze({
  private: 685,
  public: 687,
  peerlist: 789,
  getPeerlist: 791,
  handshake: 793,
  directoryHandshake: 795,
  ping: 798,
  /** Only ever in answer to a ping: joinmarket-clientserver breaks the connection. */
  pong: 799,
  authChallenge: 803,
  authProof: 805,
  authResult: 807,
});

export interface Line {
  readonly type: number;
  readonly line: string;
}

/** The bytes of a line, or nothing when peers would not take them. */
export function encodeLine(type: number, line: string): Buffer | undefined {
  const bytes = Buffer.from(`${JSON.stringify({ type, line })}\r\n`, "utf8");
  return bytes.length > LINE_BYTES_MAX ? undefined : bytes;
}

/** Of the bytes between two line ends; nothing if they are no such object. */
export function decodeLine(bytes: Uint8Array): Line | undefined {
  const value = parsedJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  if (!isRecord(value)) return undefined;
  const { type, line } = value;
  return Number.isSafeInteger(type) && typeof line === "string" ? { type: type as number, line } : undefined;
}

/** Anything that is JSON; undefined for what is not. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A peer that writes no JSON is not worth an error of ours.
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whom a public line is for. */
export const EVERYBODY = "PUBLIC";

/** A message as its line holds it: `from!to!text`. */
export interface RoutedText {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

export function routedText({ from, to, text }: RoutedText): string {
  return `${from}!${to}!${text}`;
}

export function parseRouted(line: string): RoutedText | undefined {
  const first = line.indexOf("!");
  const second = line.indexOf("!", first + 1);
  if (first <= 0 || second <= first + 1 || second + 1 === line.length) return undefined;
  return { from: line.slice(0, first), to: line.slice(first + 1, second), text: line.slice(second + 1) };
}
