/** The header block of a message as bytes: `NATS/1.0[ status]`, lines `name: value`, an empty line. Shared by all carriers. */
import { TroupeError } from "../../runtime/errors.ts";
import type { HeaderList } from "./transport.ts";

const VERSION = "NATS/1.0";
const NAME = /^[!-9;-~]+$/;
const UNSAFE_VALUE = /[\r\n\0]/;

/** Throws `BUS_BAD_REQUEST` for a name or a value that would break the block. */
export function encodeHeaders(headers: HeaderList): Uint8Array {
  let block = `${VERSION}\r\n`;
  for (const [name, value] of headers) {
    if (!NAME.test(name) || UNSAFE_VALUE.test(value)) {
      throw new TroupeError(
        { code: "BUS_BAD_REQUEST", outcome: "not_executed", retryable: false },
        `The header "${name.slice(0, 64)}" cannot be sent: names are printable without a colon, values are one line.`,
      );
    }
    block += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${block}\r\n`, "utf8");
}

export interface HeaderBlock {
  /** 0 for a message; 503 when nobody listens. */
  readonly status: number;
  readonly headers: HeaderList;
}

/** Reads any block that a broker lets through: what is not `name: value` is skipped. */
export function decodeHeaders(block: Uint8Array): HeaderBlock {
  const text = Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString("utf8");
  const lines = text.split("\r\n");
  const status = Number.parseInt((lines[0] ?? "").slice(VERSION.length), 10);
  const headers: [string, string][] = [];
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const colon = line.indexOf(":");
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  return { status: Number.isNaN(status) ? 0 : status, headers };
}

/** What the broker sends to one who asked where nobody listens. */
export const NO_RESPONDERS_BLOCK = `${VERSION} 503\r\n\r\n`;
