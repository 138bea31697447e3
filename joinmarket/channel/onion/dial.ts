/** The way to another bot: through Tor to an onion service, straight to a loopback address, and nowhere else. */
import { connect, isIPv4, isIPv6, type Socket } from "node:net";
import { SocksClient } from "socks";
import { type HostPort, parseHostPort } from "../../../runtime/config/config-values.ts";

/** Resolves with a stream on which lines can be written; rejects also when the signal aborts. */
export type Dial = (location: string, signal: AbortSignal) => Promise<Socket>;

export interface DialOptions {
  /** Tor's SocksPort. */
  readonly socks: HostPort | undefined;
  /** Parts the circuits of one bot from those of the next: Tor gives every user a circuit of its own. */
  readonly circuit: string;
}

/** Longer than `socks` may ever need: the signal ends a try, not this. */
const SOCKS_TIMEOUT_MS = 600_000;
const ONION = /^[a-z2-7]{56}\.onion$/i;

/** Peers name places for us to connect to: one that named a host of our own network would make us its tool. */
export function isDialable({ host }: HostPort): boolean {
  return ONION.test(host) || isLoopbackHost(host);
}

export function dialer({ socks, circuit }: DialOptions): Dial {
  return async (location, signal) => {
    const address = parseHostPort(location);
    if (address === undefined || !isDialable(address))
      throw new Error("neither an onion service nor on this host");
    if (isLoopbackHost(address.host)) return opened(connect(address), signal);
    if (socks === undefined) throw new Error("an onion service, and no SocksPort of Tor is configured");
    const proxy = await opened(connect(socks), signal);
    const abort = () => proxy.destroy();
    signal.addEventListener("abort", abort, { once: true });
    try {
      await SocksClient.createConnection({
        command: "connect",
        destination: address,
        proxy: { ...socks, type: 5, userId: circuit, password: "joinmarket" },
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
  };
}

function isLoopbackHost(host: string): boolean {
  return (
    host === "localhost" || (isIPv4(host) && host.startsWith("127.")) || (isIPv6(host) && host === "::1")
  );
}

function opened(socket: Socket, signal: AbortSignal): Promise<Socket> {
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
    socket.once("connect", () => {
      signal.removeEventListener("abort", aborted);
      socket.setNoDelay(true);
      resolve(socket);
    });
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
}
