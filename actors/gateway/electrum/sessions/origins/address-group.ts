/** Whose a client's address is: one machine, one network, or nobody that we can tell from others. */
import { BlockList, isIP } from "node:net";
import { TroupeError } from "../../../../../runtime/errors.ts";

export interface AddressGroup {
  /** As people write it; IPv4 in its own form also when it came as IPv6. `local` stands for Unix sockets and Tor. */
  readonly address: string;
  /** One machine as far as can be told: an IPv4 address, or an IPv6 /64, which one subscriber has whole. */
  readonly host: string;
  /** Those who answer for each other's costs: /24 of IPv4, /48 of IPv6. Undefined for private addresses. */
  readonly subnet: string | undefined;
}

const LOCAL: AddressGroup = Object.freeze({ address: "local", host: "local", subnet: undefined });
/** All who come through Tor, who cannot be told from each other. */
export const VIA_TOR: AddressGroup = Object.freeze({ address: "local", host: "tor", subnet: undefined });

export function groupOf(remoteAddress: string | undefined): AddressGroup {
  const address = plainAddress(remoteAddress);
  if (address === undefined) return LOCAL;
  if (isIP(address) === 4) {
    const subnet = isPrivate(address) ? undefined : `${address.slice(0, address.lastIndexOf("."))}.0/24`;
    return { address, host: address, subnet };
  }
  const groups = ipv6Groups(address);
  const prefix = (count: number) => `${groups.slice(0, count).join(":")}::/${count * 16}`;
  return { address, host: prefix(4), subnet: isPrivate(address) ? undefined : prefix(3) };
}

/** Without a zone, and IPv4 as such, however it stands in IPv6. Undefined when it is no address. */
function plainAddress(text: string | undefined): string | undefined {
  const [address = ""] = (text ?? "").split("%");
  if (isIP(address) !== 6) return isIP(address) === 4 ? address : undefined;
  const bytes = bytesOf(address);
  return bytes.every((byte, at) => at >= 12 || byte === (at < 10 ? 0 : 0xff))
    ? bytes.slice(12).join(".")
    : address;
}

/** `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/48`. */
export interface Network {
  readonly address: string;
  readonly prefixBits: number;
  readonly family: "ipv4" | "ipv6";
}

export function parseNetwork(text: string): Network | undefined {
  const [before = "", bits, ...rest] = text.trim().split("/");
  const address = plainAddress(before);
  if (address === undefined || before.includes("%") || rest.length > 0) return undefined;
  const bitsMax = isIP(address) === 4 ? 32 : 128;
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined;
  const prefixBits = bits === undefined ? bitsMax : Number(bits);
  if (prefixBits > bitsMax) return undefined;
  return { address, prefixBits, family: bitsMax === 32 ? "ipv4" : "ipv6" };
}

/** One spelling for each network, whichever of its addresses was named, so that what was banned can be found again. */
export function networkText({ address, prefixBits, family }: Network): string {
  const first = bytesOf(address).map((byte, at) => byte & maskOf(prefixBits - 8 * at));
  if (family === "ipv4") return prefixBits === 32 ? first.join(".") : `${first.join(".")}/${prefixBits}`;
  const groups = Buffer.from(first).toString("hex").match(/.{4}/g) ?? [];
  const text = shortest(groups.join(":"));
  return prefixBits === 128 ? text : `${text}/${prefixBits}`;
}

/** Of one byte, of which so many bits belong to the network. */
function maskOf(bits: number): number {
  return (0xff << (8 - Math.min(8, Math.max(0, bits)))) & 0xff;
}

/** A list of one. Throws `GATEWAY_BAD_NETWORK`. */
export function networkListOf(text: string): NetworkList {
  return new NetworkList([networkOf(text)]);
}

/** As above, for what a person has typed. */
export function networkOf(text: string): Network {
  const network = parseNetwork(text);
  if (network !== undefined) return network;
  throw new TroupeError(
    { code: "GATEWAY_BAD_NETWORK", given: text.slice(0, 64) },
    `"${text.slice(0, 64)}" is neither an address nor a network. Write it like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48.`,
  );
}

export class NetworkList {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  constructor(networks: readonly Network[]) {
    for (const { address, prefixBits, family } of networks) this.#list.addSubnet(address, prefixBits, family);
    this.#isEmpty = networks.length === 0;
  }

  has(remoteAddress: string | undefined): boolean {
    if (this.#isEmpty) return false;
    const address = plainAddress(remoteAddress);
    return address !== undefined && this.#list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
  }
}

/** Networks that anybody may use at home: an address in one names no subnet of the world. */
const PRIVATE_IPV4 = /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/;

function isPrivate(address: string): boolean {
  if (isIP(address) === 4) return PRIVATE_IPV4.test(address);
  const [first = "0"] = ipv6Groups(address);
  const head = Number.parseInt(first, 16);
  // Loopback is all zeros but the last; unique local is fc00::/7, link local fe80::/10.
  return address === "::1" || (head & 0xfe00) === 0xfc00 || (head & 0xffc0) === 0xfe80;
}

/** Four, or sixteen. */
function bytesOf(address: string): number[] {
  if (isIP(address) === 4) return address.split(".").map(Number);
  return ipv6Groups(address).flatMap((group) => [...Buffer.from(group.padStart(4, "0"), "hex")]);
}

/** An IPv6 address as people write it. */
function shortest(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** Eight groups without leading zeros. */
function ipv6Groups(address: string): string[] {
  const [left = "", right] = shortest(address).split("::");
  const groups = (text: string | undefined) => (text === undefined || text === "" ? [] : text.split(":"));
  const [head, tail] = [groups(left), groups(right)];
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
}
