/** The supervisor's end of the admin socket. */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { z } from "zod";
import { TroupeError, toWireError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";
import { isServed } from "./client.ts";
import {
  type AdminMethod,
  type AdminMethods,
  adminMethods,
  lineReader,
  REQUEST_BYTES_MAX,
  type Reply,
  RequestSchema,
  type Step,
} from "./protocol.ts";

/** People and scripts; nobody needs more, and each costs a file descriptor. */
const CONNECTIONS_MAX = 16;
/** Orders that run at once on one connection. */
const RUNNING_MAX = 8;
/** A reader that has stopped reading is cut off when so much waits for it. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;

export type AdminHandlers = {
  readonly [M in AdminMethod]: (
    params: z.output<AdminMethods[M]["input"]>,
    tell: (step: Step) => void,
  ) => Promise<z.input<AdminMethods[M]["output"]>>;
};

export class AdminServer {
  readonly #handlers: AdminHandlers;
  readonly #log: Log;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(handlers: AdminHandlers, log: Log) {
    this.#handlers = handlers;
    this.#log = log;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** The caller holds the data directory's lock, so a socket file that nobody serves is a dead supervisor's. */
  static async listen(path: string, handlers: AdminHandlers, log: Log): Promise<AdminServer> {
    checkSocketPath(path);
    if (await isServed(path)) {
      throw new TroupeError(
        { code: "SUPERVISOR_ALREADY_RUNNING" },
        `Another supervisor answers at ${path}. See it with: supervisor status; end it with: supervisor stop`,
      );
    }
    rmSync(path, { force: true });
    const admin = new AdminServer(handlers, log);
    await new Promise<void>((resolve, reject) => {
      admin.#server.once("error", reject);
      admin.#server.listen(path, () => {
        admin.#server.off("error", reject);
        resolve();
      });
      // Binding happens within `listen`; the directory is 0700, so nobody could come in between.
      chmodSync(path, 0o600);
    });
    admin.#server.on("error", (error) => log.error("the admin socket failed", { error }));
    return admin;
  }

  /** Ends at once; what has been written still arrives. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let running = 0;
    const send = (reply: Reply) => {
      if (socket.destroyed) return;
      socket.write(`${JSON.stringify(reply)}\n`);
      if (socket.writableLength > UNREAD_BYTES_MAX) socket.destroy();
    };
    const receive = async (line: string) => {
      const request = RequestSchema.safeParse(parseJson(line));
      if (!request.success) return send(refusal(-1, "a request is {id, method, params} with a known method"));
      const { id, method, params } = request.data;
      if (running >= RUNNING_MAX) return send(refusal(id, "too many orders at once on this connection"));
      running++;
      try {
        const input = adminMethods[method].input.safeParse(params ?? {});
        if (!input.success) return send(refusal(id, `the parameters of "${method}" do not fit its schema`));
        const handle = this.#handlers[method] as (
          params: unknown,
          tell: (step: Step) => void,
        ) => Promise<unknown>;
        send({ id, result: await handle(input.data, (step) => send({ id, step })) });
      } catch (error) {
        if (!(error instanceof TroupeError))
          this.#log.error("an order over the admin socket failed", { method, error });
        send({ id, error: { ...toWireError(error) } });
      } finally {
        running--;
      }
    };
    const read = lineReader(
      REQUEST_BYTES_MAX,
      (line) => void receive(line),
      () => socket.destroy(),
    );
    socket.on("data", read);
    // The peer went away in the middle; `close` follows and cleans up.
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}

/** Throws `SUPERVISOR_PATH_TOO_LONG` when the kernel could not hold the path in a socket's address. */
export function checkSocketPath(path: string): void {
  // sun_path: 108 bytes on Linux, 104 elsewhere, with the closing zero.
  const lengthMax = (process.platform === "linux" ? 108 : 104) - 1;
  const lengthBytes = Buffer.byteLength(path);
  if (lengthBytes <= lengthMax) return;
  throw new TroupeError(
    { code: "SUPERVISOR_PATH_TOO_LONG", path, lengthBytes, lengthMax },
    `The socket ${path} has a name of ${lengthBytes} bytes and the system allows ${lengthMax}. Choose a shorter data directory with --data`,
  );
}

function refusal(id: number, message: string): Reply {
  return { id, error: { code: "SUPERVISOR_BAD_ORDER", message: `Refused: ${message}.`, data: {} } };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Not JSON; the schema refuses undefined.
    return undefined;
  }
}
