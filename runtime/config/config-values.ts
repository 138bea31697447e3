/** Kinds of values that several sections use: addresses and paths. Durations and sizes are numbers with the unit in the key. */
import { isIP } from "node:net";
import { z } from "zod";
import { expandHome } from "./path.ts";

export interface HostPort {
  /** Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
}

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/;

/** `127.0.0.1:8332`, `[::1]:8332`, `node.lan:8332`. Port 0 means any free port. Undefined when it is none of these. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, six, other = "", digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (six !== undefined) return isIP(six) === 6 ? { host: six, port } : undefined;
  if (/^[\d.]+$/.test(other) && isIP(other) !== 4) return undefined;
  return HOST_NAME.test(other) ? { host: other, port } : undefined;
}

/** Whether only this machine can come in. A name other than localhost may mean anything. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** A key that holds `host:port`. */
export function hostPort(): z.ZodString {
  return z
    .string()
    .max(300)
    .refine((text) => parseHostPort(text) !== undefined, {
      params: { expected: 'an address of the form "host:port", such as "127.0.0.1:8332" or "[::1]:8332"' },
    });
}

/** A key that holds a path; `~` becomes the home directory. Give the default with `.prefault("~/…")`, so that docs show it so. */
export function pathText() {
  return z
    .string()
    .min(1)
    .max(4096)
    .refine((text) => !text.includes("\0"), {
      params: { expected: "a path, which cannot hold a zero character" },
    })
    .transform(expandHome);
}
