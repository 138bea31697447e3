/** How an address to listen on stands in a URL. */
import { isIP } from "node:net";
import type { HostPort } from "../../runtime/config/config-values.ts";

/** As it stands in a URL: IPv6 in brackets. */
export function hostAndPort({ host, port }: HostPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
