/** The way to another bot: through Tor to an onion service, straight to a loopback address, and nowhere else. */
import { connect, type Socket } from "node:net";
import { type HostPort, isLoopback, parseHostPort } from "../../../runtime/config/config-values.ts";
import { opened, throughSocks } from "../../../runtime/dial.ts";

/** Resolves with a stream on which lines can be written; rejects also when the signal aborts. */
export type Dial = (location: string, signal: AbortSignal) => Promise<Socket>;

export interface DialOptions {
  /** Tor's SocksPort. */
  readonly socks: HostPort | undefined;
  /** Parts the circuits of one bot from those of the next: Tor gives every user a circuit of its own. */
  readonly circuit: string;
}

const ONION = /^[a-z2-7]{56}\.onion$/i;

/** Peers name places for us to connect to: one that named a host of our own network would make us its tool. */
export function isDialable({ host }: HostPort): boolean {
  return ONION.test(host) || isLoopback(host);
}

export function dialer({ socks, circuit }: DialOptions): Dial {
  return async (location, signal) => {
    const address = parseHostPort(location);
    if (address === undefined || !isDialable(address))
      throw new Error("neither an onion service nor on this host");
    if (isLoopback(address.host)) return atOnce(await opened(connect(address), "connect", signal));
    if (socks === undefined) throw new Error("an onion service, and no SocksPort of Tor is configured");
    const isolation = { user: circuit, password: "joinmarket" };
    return atOnce(await throughSocks({ socks, destination: address, isolation }, signal));
  };
}

/** Lines are short and answers wait for them. */
function atOnce(socket: Socket): Socket {
  return socket.setNoDelay(true);
}
