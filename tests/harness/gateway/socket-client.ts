/** A client of the wallet door's WebSocket, with all that it was told. */
import { WebSocket } from "ws";

interface Frame {
  readonly txid?: string;
  readonly txdetails?: { readonly txid: string; readonly confirmations: number };
  readonly coinjoin_state?: number;
}

export class SocketClient {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<number>;

  constructor(url: string, options: WebSocket.ClientOptions = {}) {
    this.socket = new WebSocket(url, { rejectUnauthorized: false, ...options });
    this.socket.on("message", (data) => this.frames.push(JSON.parse(String(data))));
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.socket.once("close", resolve));
  }

  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once("open", resolve);
      this.socket.once("error", reject);
    });
  }

  /** Until the server has heard all that was sent before: it answers pings in turn. */
  heard(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once("pong", () => resolve());
      this.socket.ping();
    });
  }
}
