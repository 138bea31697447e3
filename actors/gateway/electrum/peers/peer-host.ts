/** The host of a peer as its own words have it: what kind it is, whether the world can reach it, and who its neighbours are. */
import { isIP } from "node:net";
import { groupOf, NetworkList, networkText, parseNetwork } from "../sessions/origins/address-group.ts";

export type HostKind = "ipv4" | "ipv6" | "name" | "onion";

export interface PeerHost {
  /** In lower case; an address in its one spelling. */
  readonly text: string;
  readonly kind: HostKind;
}

/** At least two labels, the last no number: `localhost` and `10.1` name nobody of the world. */
const NAME = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const ONION = /^[a-z2-7]{56}\.onion$/;

/** What no server of the world can have: private, shared, documentation, multicast, reserved, and what only wraps IPv4. */
const NOT_GLOBAL = new NetworkList(
  [
    ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
    ...["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"],
    ...["198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
    ...["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"],
  ]
    .map(parseNetwork)
    .filter((network) => network !== undefined),
);
/** All that has been given out to the world so far. */
const GLOBAL_IPV6 = new NetworkList([parseNetwork("2000::/3")].filter((network) => network !== undefined));

/** Undefined when nobody can be reached under that text. */
export function hostOf(given: unknown): PeerHost | undefined {
  if (typeof given !== "string" || given.length > 253) return undefined;
  const address = canonicalAddress(given);
  if (address !== undefined) return { text: address, kind: isIP(address) === 4 ? "ipv4" : "ipv6" };
  const text = given.toLowerCase();
  if (text.endsWith(".onion")) return ONION.test(text) ? { text, kind: "onion" } : undefined;
  return NAME.test(text) ? { text, kind: "name" } : undefined;
}

/** One spelling for each address. Undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  if (isIP(text) === 0) return undefined;
  const network = parseNetwork(text);
  return network === undefined ? undefined : networkText(network);
}

export function isGlobalAddress(address: string): boolean {
  if (NOT_GLOBAL.has(address)) return false;
  return isIP(address) === 4 || GLOBAL_IPV6.has(address);
}

/** One machine: an IPv4 address, or an IPv6 /64. */
export function machineOf(address: string): string {
  return groupOf(address).host;
}

/**
 * Those who may be one and the same operator: /16 of IPv4, /32 of IPv6, which is what a provider has. Without an address,
 * as through Tor, the last two labels of the name.
 */
export function neighbourhoodOf({ text, kind }: PeerHost, address: string | null): string {
  if (kind === "onion") return "onion";
  if (address === null) return domainOf(text);
  const separator = isIP(address) === 4 ? "." : ":";
  return `${groupOf(address).host.split(separator).slice(0, 2).join(separator)}${separator}*`;
}

/** Whoever can make names can make many below one of these. */
export function domainOf(name: string): string {
  return `*.${name.split(".").slice(-2).join(".")}`;
}
