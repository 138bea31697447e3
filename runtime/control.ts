/** The control channel between a parent and its child, thread or process: comlink with its traps answered. The only importer of comlink. */
import type { ChildProcess } from "node:child_process";
import type { MessagePort, Worker } from "node:worker_threads";
import * as Comlink from "comlink";
import type { Clock } from "./clock.ts";
import { TroupeError, toWireError, type WireError } from "./errors.ts";

/** One duplex pipe of messages. `post` never throws: a message to a dead peer is dropped, and the call it carried meets its deadline or `close`. */
export interface ControlPort {
  post(message: unknown): void;
  listen(receive: (message: unknown) => void): () => void;
}

/** Either end of a thread's port: the `Worker` in the parent, `parentPort` in the child. */
export function threadPort(port: Worker | MessagePort): ControlPort {
  return {
    post(message) {
      port.postMessage(message);
    },
    listen(receive) {
      const listener = (message: unknown) => receive(message);
      port.on("message", listener);
      return () => port.off("message", listener);
    },
  };
}

/** Either end of a fork's IPC channel: the `ChildProcess` in the parent, `process` in the child. */
export function processPort(peer: ChildProcess | NodeJS.Process): ControlPort {
  return {
    post(message) {
      if (!peer.connected) return;
      // The callback takes the error of a channel that closes meanwhile; without it Node emits `error` on the peer.
      peer.send?.(message as object, undefined, undefined, () => {});
    },
    listen(receive) {
      const emitter: NodeJS.EventEmitter = peer;
      const listener = (message: unknown) => receive(message);
      emitter.on("message", listener);
      return () => emitter.off("message", listener);
    },
  };
}

type Method = (...parameters: never[]) => unknown;
type MethodName<T> = Extract<{ [K in keyof T]: T[K] extends Method ? K : never }[keyof T], string>;
type Parameters_<T, M extends keyof T> = T[M] extends (...parameters: infer P) => unknown ? P : never;
type Result<T, M extends keyof T> = T[M] extends (...parameters: never[]) => infer R ? Awaited<R> : never;

/** Calls of the parent travel `down`, calls of the child travel `up`; each with its answers. */
type Direction = "down" | "up";
interface Envelope {
  readonly way: Direction;
  readonly message: unknown;
}

/**
 * One end of a control channel. It exposes `local` to the peer and calls the peer's methods.
 * Comlink alone would leave a call to a dead peer pending for ever, lose `code` and `data` of what is thrown, and let the
 * peer reach any property of the exposed object (`constructor` included): here every call races a deadline and `close`,
 * errors keep code and data, and only plain calls of the named methods get in.
 */
export class ControlLink<Remote extends object> {
  readonly #clock: Clock;
  readonly #remote: Comlink.Remote<Remote>;
  readonly #unlisten: () => void;
  readonly #pending = new Set<(error: Error) => void>();
  #closed: Error | undefined;

  constructor(port: ControlPort, side: "parent" | "child", local: object, clock: Clock) {
    installThrowHandler();
    this.#clock = clock;
    const outward = new VirtualEndpoint(port, side === "parent" ? "down" : "up");
    const inward = new VirtualEndpoint(port, side === "parent" ? "up" : "down");
    const methods = new Set(methodNames(local));
    Comlink.expose(local, inward as unknown as Comlink.Endpoint);
    // A strong reference for as long as the link lives: comlink cuts a proxy that the collector finds.
    this.#remote = Comlink.wrap<Remote>(outward as unknown as Comlink.Endpoint);
    this.#unlisten = port.listen((message) => {
      if (!isEnvelope(message)) return;
      if (message.way === outward.way) outward.receive(message.message);
      else if (isPlainCall(message.message, methods)) inward.receive(message.message);
    });
    this.#close = () => {
      outward.close();
      inward.close();
    };
  }

  readonly #close: () => void;

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Calls the peer. Rejects with what the peer threw, with `RUNTIME_CONTROL_DEADLINE`, or with the reason of `close`. */
  call<M extends MethodName<Remote>>(
    method: M,
    parameters: Parameters_<Remote, M>,
    deadlineMs: number,
  ): Promise<Result<Remote, M>> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      const settle = () => {
        timer.cancel();
        this.#pending.delete(onClose);
      };
      const onClose = (error: Error) => {
        settle();
        reject(error);
      };
      const timer = this.#clock.after(deadlineMs, () =>
        onClose(
          new TroupeError(
            { code: "RUNTIME_CONTROL_DEADLINE", method, deadlineMs },
            `no answer to "${method}" within ${deadlineMs} ms`,
          ),
        ),
      );
      this.#pending.add(onClose);
      const target = this.#remote as unknown as Record<
        string,
        (...p: unknown[]) => Promise<Result<Remote, M>>
      >;
      (target[method] as (...p: unknown[]) => Promise<Result<Remote, M>>)(...(parameters as unknown[])).then(
        (result) => {
          settle();
          resolve(result);
        },
        onClose,
      );
    });
  }

  /** Ends the link at once: what is pending rejects with `reason`, nothing is received any more, the proxy is released. */
  close(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#unlisten();
    this.#close();
    for (const rejectPending of [...this.#pending]) rejectPending(reason);
    (this.#remote as unknown as { [Comlink.releaseProxy](): void })[Comlink.releaseProxy]();
  }
}

/** What comlink sees of one direction of the port. Comlink's own node adapter does not compile under `nodenext`. */
class VirtualEndpoint {
  readonly way: Direction;
  readonly #port: ControlPort;
  readonly #listeners = new Set<(event: { data: unknown }) => void>();
  #isOpen = true;

  constructor(port: ControlPort, way: Direction) {
    this.#port = port;
    this.way = way;
  }

  postMessage(message: unknown): void {
    if (this.#isOpen) this.#port.post({ way: this.way, message } satisfies Envelope);
  }

  addEventListener(_type: string, listener: (event: { data: unknown }) => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: string, listener: (event: { data: unknown }) => void): void {
    this.#listeners.delete(listener);
  }

  receive(data: unknown): void {
    for (const listener of [...this.#listeners]) listener({ data });
  }

  close(): void {
    this.#isOpen = false;
    this.#listeners.clear();
  }
}

/** Own and inherited methods of the exposed object, up to but not including `Object.prototype`. */
function methodNames(local: object): string[] {
  const names: string[] = [];
  for (
    let level = local;
    level !== Object.prototype && level !== null;
    level = Object.getPrototypeOf(level)
  ) {
    for (const name of Object.getOwnPropertyNames(level)) {
      if (name !== "constructor" && typeof (local as Record<string, unknown>)[name] === "function")
        names.push(name);
    }
  }
  return names;
}

function isEnvelope(message: unknown): message is Envelope {
  const way = (message as Partial<Envelope> | null | undefined)?.way;
  return way === "down" || way === "up";
}

/** True for a call of one of `methods` with plain values. A peer may be compromised: comlink's get, set, construct, endpoint and nested paths stay shut. */
function isPlainCall(message: unknown, methods: ReadonlySet<string>): boolean {
  if (typeof message !== "object" || message === null) return false;
  const { type, path, argumentList } = message as { type?: unknown; path?: unknown; argumentList?: unknown };
  return (
    type === "APPLY" &&
    Array.isArray(path) &&
    path.length === 1 &&
    methods.has(path[0]) &&
    Array.isArray(argumentList) &&
    argumentList.length <= 8 &&
    argumentList.every((value) => (value as { type?: unknown } | null)?.type === "RAW")
  );
}

interface Thrown {
  readonly value: unknown;
}

/** Only `{code, message, data}` crosses, and it is a `TroupeError` again on the other side. Foreign throws that are no errors go comlink's way. */
function installThrowHandler(): void {
  const original = Comlink.transferHandlers.get("throw") as
    | Comlink.TransferHandler<Thrown, { wire?: WireError }>
    | undefined;
  if (original === undefined || installed.has(original)) return;
  const handler: Comlink.TransferHandler<Thrown, { wire?: WireError }> = {
    canHandle: original.canHandle,
    serialize: (thrown) =>
      thrown.value instanceof Error ? [{ wire: toWireError(thrown.value) }, []] : original.serialize(thrown),
    deserialize(serialized) {
      if (isWireError(serialized.wire)) throw TroupeError.fromWire(serialized.wire);
      return original.deserialize(serialized);
    },
  };
  installed.add(handler);
  Comlink.transferHandlers.set("throw", handler);
}

function isWireError(wire: Partial<WireError> | undefined): wire is WireError {
  return typeof wire?.code === "string" && typeof wire.message === "string" && typeof wire.data === "object";
}

/** Our handlers, so that a second link does not wrap the first one's. */
const installed = new WeakSet<object>();
