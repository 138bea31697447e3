/** Which web pages may ask: those that we serve, and those of programs on this machine (CORS). */
import { isHostAllowed } from "../../guard.ts";

const LOCAL = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
const ANY = /^https?:\/\/([^/?#@]{1,300})$/i;

/** A page of a program on this machine: it is told what we answer. */
export function isLocalOrigin(origin: string): boolean {
  return LOCAL.test(origin);
}

/**
 * Whether a page of this origin may ask at all. A browser sends an order from any page, although it hides our answer from that page;
 * programs that are no browsers send no origin.
 */
export function isOriginAllowed(
  origin: string,
  host: string | undefined,
  hostNames: readonly string[],
): boolean {
  if (isLocalOrigin(origin)) return true;
  const [, from] = ANY.exec(origin) ?? [];
  if (from === undefined) return false;
  if (from.toLowerCase() === host?.toLowerCase()) return true;
  // An address is nobody's name: only a page that came from the same one belongs to us.
  return /[a-z]/i.test(from) && !from.startsWith("[") && isHostAllowed(from, hostNames);
}

export const CORS_HEADERS = Object.freeze({
  "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
  "access-control-allow-headers": "Authorization, X-JM-Authorization, Content-Type, Idempotency-Key",
  "access-control-expose-headers": "WWW-Authenticate, Retry-After",
  "access-control-max-age": "600",
});
