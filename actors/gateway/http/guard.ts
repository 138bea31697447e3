/** Who may ask at all, and what browsers may make of the answers: names against DNS rebinding, rates against one asker taking the place of all. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Clock } from "../../../runtime/clock.ts";
import { TokenBucket } from "../../../runtime/limits.ts";

/** No script, style or connection but our own; never in a frame; nothing kept; read by no other site. */
export const SECURITY_HEADERS = Object.freeze({
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-store",
});

/**
 * A web site can point a name of its own at 127.0.0.1 and so make a browser read our pages as its own. It cannot do so
 * for an IP address or for `localhost`, nor for a name that the operator chose.
 */
export function isHostAllowed(host: string | undefined, hostNames: readonly string[]): boolean {
  if (host === undefined || host.length > 300) return false;
  const [, ipv6, name] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?$/.exec(host) ?? [];
  if (ipv6 !== undefined) return isIP(ipv6) === 6;
  if (name === undefined) return false;
  const wanted = name.toLowerCase().replace(/\.$/, "");
  return (
    isIP(wanted) === 4 || wanted === "localhost" || hostNames.some((known) => known.toLowerCase() === wanted)
  );
}

/** Browsers say where a request comes from. Another site's page has nothing to ask here. */
function isFromOtherSite(fetchSite: string | undefined): boolean {
  return fetchSite === "cross-site" || fetchSite === "same-site";
}

/** How many askers are remembered; the one that has been quiet longest is forgotten first. */
const ASKERS_MAX = 1_024;

/** A rate for each address. */
class RateLimit {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** 0 when the request may go on, otherwise how many whole seconds to wait. */
  waitSeconds(address: string): number {
    let bucket = this.#buckets.get(address);
    // Taken out and put in again: the map's order is then the order of the last request.
    this.#buckets.delete(address);
    bucket ??= new TokenBucket({
      clock: this.#clock,
      burst: Math.max(1, Math.ceil(this.#perMinute / 10)),
      perSecond: this.#perMinute / 60,
    });
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > ASKERS_MAX) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket.take() ? 0 : Math.max(1, Math.ceil(bucket.waitMs() / 1000));
  }
}

/** Why a request goes no further, and what its sender is told. */
export interface TurnedAway {
  readonly reason: "host" | "cross_site" | "rate";
  readonly status: 403 | 421 | 429;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface GuardOptions {
  readonly clock: Clock;
  readonly hostNames: readonly string[];
  readonly requestsPerMinute: number;
  /** Paths that the pages of other sites may lead to. */
  readonly isForAllSites: (url: string) => boolean;
}

/** Judges a request by its head alone, before any of it is acted on. */
export class Guard {
  readonly #options: GuardOptions;
  readonly #rate: RateLimit;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#rate = new RateLimit(options.clock, options.requestsPerMinute);
  }

  judge({ headers, url = "/", socket }: IncomingMessage): TurnedAway | undefined {
    if (!isHostAllowed(headers.host, this.#options.hostNames)) {
      const text = "Unknown host name; add it to http_host_names in [gateway] if it is yours.";
      return { reason: "host", status: 421, text, headers: {} };
    }
    const site = headers["sec-fetch-site"];
    if (isFromOtherSite(Array.isArray(site) ? site[0] : site) && !this.#options.isForAllSites(url)) {
      return { reason: "cross_site", status: 403, text: "Not for other sites.", headers: {} };
    }
    const waitSeconds = this.#rate.waitSeconds(socket.remoteAddress ?? "");
    if (waitSeconds === 0) return undefined;
    const wait = { "retry-after": String(waitSeconds) };
    return { reason: "rate", status: 429, text: "Too many requests.", headers: wait };
  }
}
