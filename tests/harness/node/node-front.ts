/** A node's address that can be closed and opened again, behind which the node may be in trouble; any credentials open it, unless it is told otherwise. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What a node answers that has too much to do, and one that is starting. */
const TROUBLES = Object.freeze({
  busy: { status: 503, text: "Work queue depth exceeded" },
  warming: {
    status: 500,
    text: '{"result":null,"error":{"code":-28,"message":"Loading block index..."},"id":null}',
  },
});

export interface FrontedNode {
  readonly rpcUrl: string;
  readonly cookiePath: string;
}

export class NodeFront {
  readonly #rpcUrl: string;
  readonly #cookiePath: string;
  /** As two nodes of one owner share a password. */
  readonly #isOpenToAll: boolean;
  /** What every question is answered with instead of by the node. */
  trouble: keyof typeof TROUBLES | undefined;
  #server: Server | undefined;
  #port = 0;

  private constructor({ rpcUrl, cookiePath }: FrontedNode, isOpenToAll: boolean) {
    this.#rpcUrl = rpcUrl;
    this.#cookiePath = cookiePath;
    this.#isOpenToAll = isOpenToAll;
  }

  static async open(node: FrontedNode, options: { isOpenToAll?: boolean } = {}): Promise<NodeFront> {
    const front = new NodeFront(node, options.isOpenToAll ?? true);
    await front.comeBack();
    return front;
  }

  get rpcUrl(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where it was before. */
  async comeBack(): Promise<void> {
    const server = createServer((incoming, answer) => {
      if (this.trouble !== undefined) {
        const { status, text } = TROUBLES[this.trouble];
        incoming.resume();
        return void answer.writeHead(status).end(text);
      }
      const onward = request(
        new URL(incoming.url ?? "/", this.#rpcUrl),
        { method: incoming.method, headers: { ...incoming.headers, ...this.#credentials() } },
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

  #credentials(): { readonly authorization?: string } {
    if (!this.#isOpenToAll) return {};
    const cookie = Buffer.from(readFileSync(this.#cookiePath, "utf8")).toString("base64");
    return { authorization: `Basic ${cookie}` };
  }
}
