/** The terminal's end of the admin socket. */
import { connect, type Socket } from "node:net";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import {
  type AdminInput,
  type AdminMethod,
  type AdminOutput,
  adminMethods,
  lineReader,
  REPLY_BYTES_MAX,
  type Reply,
  ReplySchema,
  type Step,
} from "./protocol.ts";

const CONNECT_TIMEOUT_MS = 5_000;

interface Pending {
  readonly onStep: ((step: Step) => void) | undefined;
  readonly settle: (reply: Reply | TroupeError) => void;
}

export class AdminClient {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  /** Resolves when the other end has gone. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    const read = lineReader(
      REPLY_BYTES_MAX,
      (line) => this.#receive(line),
      () => socket.destroy(),
    );
    socket.on("data", read);
    // `close` follows and rejects what is pending.
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        for (const pending of this.#pending.values()) pending.settle(goneAway());
        this.#pending.clear();
        resolve();
      });
    });
  }

  /** Throws `SUPERVISOR_NOT_RUNNING` when nobody answers there. */
  static async connect(path: string, clock: Clock = systemClock): Promise<AdminClient> {
    return new AdminClient(await dial(path, clock), clock);
  }

  async call<M extends AdminMethod>(
    method: M,
    params: AdminInput<M>,
    options: { readonly deadlineMs: number; readonly onStep?: (step: Step) => void },
  ): Promise<AdminOutput<M>> {
    const id = this.#nextId++;
    const reply = await new Promise<Reply>((resolve, reject) => {
      const settle = (outcome: Reply | TroupeError) => {
        timer.cancel();
        this.#pending.delete(id);
        if (outcome instanceof TroupeError) reject(outcome);
        else resolve(outcome);
      };
      const timer = this.#clock.after(options.deadlineMs, () => settle(noAnswer(method, options.deadlineMs)));
      this.#pending.set(id, { onStep: options.onStep, settle });
      if (this.#socket.destroyed) return settle(goneAway());
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
    if (reply.error !== undefined) throw TroupeError.fromWire(reply.error);
    return adminMethods[method].output.parse(reply.result) as AdminOutput<M>;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(line: string): void {
    let reply: Reply;
    try {
      reply = ReplySchema.parse(JSON.parse(line));
    } catch {
      // Whatever serves this socket is not our supervisor.
      this.#socket.destroy();
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (reply.step === undefined) pending?.settle(reply);
    else pending?.onStep?.(reply.step);
  }
}

/** Does anybody answer at this socket? */
export async function isServed(path: string, clock: Clock = systemClock): Promise<boolean> {
  try {
    (await dial(path, clock)).destroy();
    return true;
  } catch {
    // Nobody, for whatever reason.
    return false;
  }
}

function dial(path: string, clock: Clock): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (why: string, cause?: Error) => {
      timer.cancel();
      socket.destroy();
      reject(
        new TroupeError(
          { code: "SUPERVISOR_NOT_RUNNING", path },
          `No supervisor runs on this data directory: ${why}. Start it with: supervisor start`,
          { cause },
        ),
      );
    };
    const timer = clock.after(CONNECT_TIMEOUT_MS, () => fail(`nobody accepts at ${path}`));
    socket.once("connect", () => {
      timer.cancel();
      socket.off("error", onError);
      resolve(socket);
    });
    const onError = (error: NodeJS.ErrnoException) => fail(reasonOf(error, path), error);
    socket.once("error", onError);
  });
}

function reasonOf(error: NodeJS.ErrnoException, path: string): string {
  if (error.code === "ENOENT") return `there is no ${path}`;
  if (error.code === "ECONNREFUSED") return `nobody listens at ${path}, the last one was killed`;
  if (error.code === "EACCES" || error.code === "EPERM")
    return `we may not open ${path}; it belongs to another user`;
  return `${path} cannot be opened (${error.code ?? error.message})`;
}

function goneAway(): TroupeError {
  return new TroupeError({ code: "SUPERVISOR_GONE" }, "The supervisor ended before it answered.");
}

function noAnswer(method: string, deadlineMs: number): TroupeError {
  return new TroupeError(
    { code: "SUPERVISOR_NO_ANSWER", method, deadlineMs },
    `The supervisor did not answer "${method}" within ${deadlineMs} ms. It may be overloaded or stopped by a debugger`,
  );
}
