/** An XMPP server that says what the test wants. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

/** What it says to what it has just heard. */
export type Speak = (socket: Socket, heard: string) => void;

export class ScriptedServer {
  readonly server: Server;
  readonly sockets: Socket[] = [];
  heard = "";

  private constructor(server: Server, speak: Speak) {
    this.server = server;
    server.on("connection", (socket) => {
      this.sockets.push(socket);
      socket.setEncoding("utf8");
      socket.on("error", () => undefined);
      socket.on("data", (text: string) => {
        this.heard += text;
        speak(socket, text);
        if (text.includes("</stream:stream>")) socket.end("</stream:stream>");
      });
    });
  }

  static async start(speak: Speak): Promise<ScriptedServer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedServer(server, speak);
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  write(bytes: string | Uint8Array): void {
    this.sockets.at(-1)?.write(bytes);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
