/** A node's address that can be closed and opened again, and that any credentials open: as two nodes of one owner share a password. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export class NodeFront {
  readonly #rpcUrl: string;
  readonly #cookiePath: string;
  #server: Server | undefined;
  #port = 0;

  private constructor(rpcUrl: string, cookiePath: string) {
    this.#rpcUrl = rpcUrl;
    this.#cookiePath = cookiePath;
  }

  static async open(node: { readonly rpcUrl: string; readonly cookiePath: string }): Promise<NodeFront> {
    const front = new NodeFront(node.rpcUrl, node.cookiePath);
    await front.comeBack();
    return front;
  }

  get rpcUrl(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where it was before. */
  async comeBack(): Promise<void> {
    const server = createServer((incoming, answer) => {
      const cookie = Buffer.from(readFileSync(this.#cookiePath, "utf8")).toString("base64");
      const onward = request(
        new URL(incoming.url ?? "/", this.#rpcUrl),
        { method: incoming.method, headers: { ...incoming.headers, authorization: `Basic ${cookie}` } },
        (reply) => {
          answer.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(answer);
        },
      );
      onward.on("error", () => answer.destroy());
      incoming.pipe(onward);
    });
    this.#server = server;
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
  }

  async leave(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
}
