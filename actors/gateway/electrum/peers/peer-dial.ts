/** The way to a peer: straight to an address that was judged before, or through the operator's Tor by its name; TLS on top. */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type HostPort, isLoopback } from "../../../../runtime/config/config-values.ts";
import { opened, throughSocks } from "../../../../runtime/dial.ts";
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

function throughTor(
  socks: HostPort | undefined,
  { host, port }: PeerTarget,
  signal: AbortSignal,
): Promise<Socket> {
  if (socks === undefined) throw new Error("Tor's SocksPort is not known");
  const isolation = { user: host.text.slice(0, 255), password: "electrum" };
  return throughSocks({ socks, destination: { host: host.text, port }, isolation }, signal);
}
