/** The way to a peer: straight to an address that was judged before, or through the operator's Tor by its name; TLS on top. */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { SocksClient } from "socks";
import type { HostPort } from "../../../../runtime/config/config-values.ts";
import { isLoopback } from "../../address.ts";
import { isGlobalAddress, type PeerHost } from "./peer-host.ts";

export interface PeerTarget {
  readonly host: PeerHost;
  /** Null: through Tor, which finds the host itself. */
  readonly address: string | null;
  readonly port: number;
  readonly isTls: boolean;
}

/** Resolves with a stream on which the protocol can be spoken; rejects also when the signal aborts. */
export type Dial = (target: PeerTarget, signal: AbortSignal) => Promise<Socket>;

export interface DialOptions {
  /** Tor's SocksPort. */
  readonly socks: HostPort | undefined;
  /** Where we listen: peers that are asked to add us look whether our connection comes from there. */
  readonly listening: readonly string[];
}

/** Longer than `socks` may ever need: the signal ends a try, not this. */
const SOCKS_TIMEOUT_MS = 600_000;

export function peerDial({ socks, listening }: DialOptions): Dial {
  return async (target, signal) => {
    const plain =
      target.address === null
        ? await throughTor(socks, target, signal)
        : await opened(connectTcp(directly(target.address, target.port, listening)), "connect", signal);
    if (!target.isTls) return plain;
    const servername = isIP(target.host.text) === 0 ? target.host.text : "";
    // Servers sign for themselves, and we tell them no secret: wallets pin the certificate, we look at what is said.
    const secret = connectTls({
      socket: plain,
      servername,
      rejectUnauthorized: false,
      minVersion: "TLSv1.2",
    });
    secret.once("close", () => plain.destroy());
    return opened(secret, "secureConnect", signal);
  };
}

/** From the address where we listen, if the other can be reached from there: not from one behind a router to the world. */
function directly(host: string, port: number, listening: readonly string[]) {
  const isLikeIt = (local: string) =>
    isLoopback(local) === isLoopback(host) && isGlobalAddress(local) === isGlobalAddress(host);
  const localAddress = listening.find(
    (local) => isIP(local) === isIP(host) && !/^[0:.]+$/.test(local) && isLikeIt(local),
  );
  return { host, port, ...(localAddress === undefined ? {} : { localAddress }) };
}

async function throughTor(
  socks: HostPort | undefined,
  { host, port }: PeerTarget,
  signal: AbortSignal,
): Promise<Socket> {
  if (socks === undefined) throw new Error("Tor's SocksPort is not known");
  const proxy = await opened(connectTcp(socks), "connect", signal);
  const abort = () => proxy.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await SocksClient.createConnection({
      command: "connect",
      destination: { host: host.text, port },
      // Tor gives each user a circuit of its own, so that no two peers can see that one asks both.
      proxy: { ...socks, type: 5, userId: host.text.slice(0, 255), password: "electrum" },
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

function opened<S extends Socket>(
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
