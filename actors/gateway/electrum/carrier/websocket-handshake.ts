/** The opening of a WebSocket (RFC 6455, 4.2): which HTTP requests ask for one, and what they are answered. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** RFC 6455, 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** The whole answer to write; `isAccepted` says whether frames follow. */
export interface HandshakeAnswer {
  readonly isAccepted: boolean;
  readonly head: string;
}

export function answerHandshake({ method, headers }: IncomingMessage): HandshakeAnswer {
  const key = headers["sec-websocket-key"];
  if (
    method !== "GET" ||
    headers.upgrade?.toLowerCase() !== "websocket" ||
    key === undefined ||
    !KEY.test(key)
  ) {
    return { isAccepted: false, head: refusal("400 Bad Request") };
  }
  if (headers["sec-websocket-version"] !== "13") {
    return { isAccepted: false, head: refusal("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n") };
  }
  const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  return { isAccepted: true, head: `${lines.join("\r\n")}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n` };
}

export function refusal(status: string, header = ""): string {
  return `HTTP/1.1 ${status}\r\n${header}Connection: close\r\nContent-Length: 0\r\n\r\n`;
}
