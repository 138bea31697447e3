/** Streams to other hosts: straight, or through a SOCKS proxy that finds the host itself, as Tor's does. */
import { connect, type Socket } from "node:net";
import { SocksClient } from "socks";
import type { HostPort } from "./config/config-values.ts";

/** Longer than `socks` may ever need: the signal ends a try, not this. */
const SOCKS_TIMEOUT_MS = 600_000;

export interface Proxied {
  /** The proxy: Tor's SocksPort. */
  readonly socks: HostPort;
  /** Looked up by the proxy: names of onion services too. */
  readonly destination: HostPort;
  /** Tor gives each pair a circuit of its own, so that no two destinations can see that one asks both. */
  readonly isolation: { readonly user: string; readonly password: string };
}

/** Resolves when the socket has said so; rejects when it fails, hangs up, or the signal aborts, and destroys it then. */
export function opened<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const failed = (error?: Error) => {
      signal.removeEventListener("abort", aborted);
      socket.destroy();
      reject(error ?? new Error("it has hung up"));
    };
    const aborted = () => failed(new Error("it does not answer"));
    socket.once("close", () => failed());
    // Stays: an error after the promise has settled must not end the process.
    socket.on("error", failed);
    socket.once(event, () => {
      signal.removeEventListener("abort", aborted);
      resolve(socket);
    });
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
}

/** A stream to the destination; rejects also when the signal aborts. */
export async function throughSocks(
  { socks, destination, isolation: { user, password } }: Proxied,
  signal: AbortSignal,
): Promise<Socket> {
  const proxy = await opened(connect(socks), "connect", signal);
  const abort = () => proxy.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await SocksClient.createConnection({
      command: "connect",
      destination,
      proxy: { ...socks, type: 5, userId: user, password },
      existing_socket: proxy,
      timeout: SOCKS_TIMEOUT_MS,
    });
    return proxy;
  } catch (error) {
    proxy.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
