/** The stream below the IRC library: by Tor or straight, with TLS that is checked, and lines of bounded length. */
import { EventEmitter } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { opened, throughSocks } from "../../../runtime/dial.ts";
import { Heeded } from "./heeded.ts";

/** Servers write at most 512 bytes, and tags of 8,191. */
const LINE_LENGTH_MAX = 16_384;
const CONNECT_MS = 90_000;

export interface TransportOptions {
  readonly server: HostPort;
  readonly isTls: boolean;
  /** The certificate authority of a server that has none of the well-known; for tests and private servers. */
  readonly authority?: string;
  readonly socks: HostPort | undefined;
  readonly circuit: string;
}

/** The class of a transport as the library wants it, for one server. */
export function ircTransport(options: TransportOptions): new () => EventEmitter {
  return class extends EventEmitter {
    #socket: Socket | undefined;
    #rest = "";
    readonly #heeded = new Heeded();
    #isClosed = false;

    connect(): void {
      open(options)
        .then((socket) => this.#onOpen(socket))
        .catch((error: Error) => this.#onClose(error));
    }

    writeLine(line: string, written?: () => void): void {
      this.#socket?.write(`${line}\r\n`, written);
    }

    close(): void {
      this.#socket?.end();
      this.disposeSocket();
    }

    disposeSocket(): void {
      const socket = this.#socket;
      this.#socket = undefined;
      socket?.destroy();
      this.#onClose(false);
    }

    setEncoding(encoding: string): boolean {
      return encoding === "utf8";
    }

    #onOpen(socket: Socket): void {
      if (this.#isClosed) return void socket.destroy();
      this.#socket = socket;
      socket.setEncoding("utf8");
      socket.on("data", (text: string) => this.#onText(text));
      socket.once("close", () => this.#onClose(false));
      this.emit("open");
    }

    #onText(text: string): void {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#hand(line.replace(/\r$/, "").slice(0, LINE_LENGTH_MAX));
      if (this.#rest.length > LINE_LENGTH_MAX) this.#socket?.destroy();
    }

    #hand(line: string): void {
      if (!this.#heeded.takes(line)) return;
      try {
        this.emit("line", line);
      } catch {
        // The library trips over lines that lack what it expects, such as a bare CAP. A server must not end us by one:
        // it is left out, as one that cannot be read.
      }
    }

    #onClose(error: Error | false): void {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.emit("close", error);
    }
  };
}

async function open({ server, isTls, authority, socks, circuit }: TransportOptions): Promise<Socket> {
  const soon = () => AbortSignal.timeout(CONNECT_MS);
  const isolation = { user: circuit, password: "joinmarket" };
  const plain =
    socks === undefined
      ? await opened(connectTcp(server), "connect", soon())
      : await throughSocks({ socks, destination: server, isolation }, soon());
  if (!isTls) return plain;
  const secret = connectTls({
    socket: plain,
    servername: server.host,
    minVersion: "TLSv1.2",
    ...(authority === undefined ? {} : { ca: authority }),
  });
  secret.once("close", () => plain.destroy());
  return opened(secret, "secureConnect", soon());
}
