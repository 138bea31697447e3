/** What an address to listen on means: how it stands in a URL, and who can reach it. */
import { isIP } from "node:net";
import type { HostPort } from "../../runtime/config/config-values.ts";

/** As it stands in a URL: IPv6 in brackets. */
export function hostAndPort({ host, port }: HostPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine can come in. A name other than localhost may mean anything. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
