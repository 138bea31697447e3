/** One client of the embedded broker: its socket, its login, what it sends and what it gets, and the reasons to cut it off. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { NO_RESPONDERS_BLOCK } from "../carrier/headers.ts";
import { verifySignature } from "../carrier/nkey.ts";
import type { Access } from "./access.ts";
import { Outbound } from "./outbound.ts";
import type { Recipient, RouterClient, SubscribeResult } from "./router.ts";
import { type WireFault, type WireHandler, type WireMessage, WireParser } from "./wire.ts";

/** After an error the client may read it; then the socket is destroyed. */
export const FAREWELL_MS = 1_000;
const NONCE_BYTES = 16;
const NO_RESPONDERS_LENGTH = NO_RESPONDERS_BLOCK.length;

const FAULT_TEXT: Readonly<Record<WireFault, string>> = {
  not_connected: "Authorization Violation",
  unknown_operation: "Unknown Protocol Operation",
  line_too_long: "maximum control line exceeded",
  payload_too_large: "Maximum Payload Violation",
};

export interface ConnectionLimits {
  readonly controlLineMax: number;
  readonly maxPayloadBytes: number;
  readonly maxPendingBytes: number;
  readonly authTimeoutMs: number;
  /** An operation once begun must be complete within this time, and a pending write must get on. */
  readonly stallTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingsOutstandingMax: number;
}

/** What a connection needs of its broker. */
export interface ConnectionHost {
  readonly limits: ConnectionLimits;
  readonly stats: ConnectionCounters;
  nowMs(): number;
  /** The line the server opens with. */
  info(clientId: number, nonce: string, clientAddress: string): string;
  authenticate(publicKey: string): Access | undefined;
  enter(access: Access, recipient: Recipient<WireMessage>): RouterClient<WireMessage>;
  /** Has output waiting: flush it when the present batch of input is done. */
  markDirty(connection: Connection): void;
  flushDirty(): void;
  onLeave(connection: Connection): void;
}

export interface ConnectionCounters {
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  slowConsumers: number;
  authFailures: number;
  cutOff: number;
}

export class Connection implements WireHandler, Recipient<WireMessage> {
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #outbound: Outbound;
  readonly #parser: WireParser;
  readonly #nonce = randomBytes(NONCE_BYTES).toString("base64url");
  readonly #openedAtMs: number;
  #client: RouterClient<WireMessage> | undefined;
  #hasHeaders = false;
  #isVerbose = false;
  #isDirty = false;
  #isEnding = false;
  #endingSinceMs = 0;
  #completedSeen = 0;
  #readSinceMs: number;
  #drainedSeen = 0;
  #writeSinceMs: number;
  #heardAtMs: number;
  #pingedAtMs: number;
  #pingsOutstanding = 0;

  constructor(host: ConnectionHost, socket: Socket, clientId: number) {
    this.#host = host;
    this.#socket = socket;
    this.#outbound = new Outbound(socket);
    this.#parser = new WireParser(this, host.limits);
    const nowMs = host.nowMs();
    this.#openedAtMs = nowMs;
    this.#readSinceMs = nowMs;
    this.#writeSinceMs = nowMs;
    this.#heardAtMs = nowMs;
    this.#pingedAtMs = nowMs;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", () => this.destroy());
    socket.on("close", () => this.destroy());
    this.#say(host.info(clientId, this.#nonce, socket.remoteAddress ?? ""));
    this.flush();
  }

  get isAuthenticated(): boolean {
    return this.#client !== undefined;
  }

  get access(): Access | undefined {
    return this.#client?.access;
  }

  get subscriptionCount(): number {
    return this.#client?.subscriptionCount ?? 0;
  }

  get pendingBytes(): number {
    return this.#outbound.pendingBytes;
  }

  flush(): void {
    this.#isDirty = false;
    if (!this.#socket.destroyed) this.#outbound.flush();
  }

  /** Says why, and ends. Nothing from this client counts any more. */
  fail(text: string): void {
    if (this.#isEnding) return;
    this.#leave();
    this.#isEnding = true;
    this.#endingSinceMs = this.#host.nowMs();
    this.#host.stats.cutOff++;
    this.#say(`-ERR '${text}'\r\n`);
    this.flush();
    this.#socket.end();
  }

  destroy(): void {
    this.#leave();
    this.#isEnding = true;
    if (!this.#socket.destroyed) this.#socket.destroy();
    this.#host.onLeave(this);
  }

  /** Called every second or so: everything that happens by not happening. */
  sweep(nowMs: number): void {
    const { limits } = this.#host;
    if (this.#isEnding) {
      if (nowMs - this.#endingSinceMs >= FAREWELL_MS) this.destroy();
      return;
    }
    if (!this.isAuthenticated) {
      if (nowMs - this.#openedAtMs >= limits.authTimeoutMs) this.fail("Authentication Timeout");
      return;
    }
    if (!this.#parser.isPartial || this.#parser.completed !== this.#completedSeen) {
      this.#completedSeen = this.#parser.completed;
      this.#readSinceMs = nowMs;
    } else if (nowMs - this.#readSinceMs >= limits.stallTimeoutMs) {
      this.fail("Stale Connection");
      return;
    }
    const backlog = this.#socket.writableLength;
    const drained = this.#outbound.writtenBytes - backlog;
    if (backlog === 0 || drained !== this.#drainedSeen) {
      this.#drainedSeen = drained;
      this.#writeSinceMs = nowMs;
    } else if (nowMs - this.#writeSinceMs >= limits.stallTimeoutMs) {
      this.#cutSlow();
      return;
    }
    this.#ping(nowMs);
  }

  onConnect(json: string): void {
    if (this.isAuthenticated) {
      this.fail(FAULT_TEXT.unknown_operation);
      return;
    }
    const options = parseConnect(json);
    const access = options === undefined ? undefined : this.#authenticate(options);
    if (options === undefined || access === undefined) {
      this.#host.stats.authFailures++;
      this.fail("Authorization Violation");
      return;
    }
    const client = this.#host.enter(access, this);
    this.#client = client;
    this.#parser.open();
    this.#hasHeaders = options["headers"] === true;
    this.#isVerbose = options["verbose"] === true;
    client.hasEcho = options["echo"] !== false;
    client.wantsNoResponders = this.#hasHeaders && options["no_responders"] === true;
    this.#ok();
  }

  onPublish(subject: string, reply: string | undefined, message: WireMessage): void {
    const client = this.#client;
    if (client === undefined) return;
    if (message.headerLength > 0 && !this.#hasHeaders) {
      this.fail("message headers not supported");
      return;
    }
    const { stats } = this.#host;
    stats.messagesIn++;
    stats.bytesIn += message.length;
    const result = client.publish(subject, reply, message);
    if (result === "ok") this.#ok();
    else if (result === "denied") this.#error(`Permissions Violation for Publish to "${subject}"`);
    else this.#error("Invalid Publish Subject");
  }

  onSubscribe(pattern: string, queue: string | undefined, sid: string): void {
    const client = this.#client;
    if (client === undefined) return;
    const refusal = subscribeRefusal(client.subscribe(sid, pattern, queue), pattern, queue);
    if (refusal === undefined) this.#ok();
    else this.#error(refusal);
  }

  onUnsubscribe(sid: string, max: number): void {
    const client = this.#client;
    if (client === undefined) return;
    client.unsubscribe(sid, max);
    this.#ok();
  }

  onPing(): void {
    this.#say("PONG\r\n");
  }

  onPong(): void {
    this.#pingsOutstanding = 0;
  }

  deliver(sid: string, subject: string, reply: string | undefined, message: WireMessage): void {
    const { headerLength, length } = message;
    const { stats } = this.#host;
    const target = reply === undefined ? `${subject} ${sid}` : `${subject} ${sid} ${reply}`;
    let sentLength = length;
    if (headerLength === 0) {
      this.#outbound.text(`MSG ${target} ${length}\r\n`);
      this.#outbound.message(message);
    } else if (this.#hasHeaders) {
      this.#outbound.text(`HMSG ${target} ${headerLength} ${length}\r\n`);
      this.#outbound.message(message);
    } else {
      // a client that never asked for headers gets the body alone
      sentLength = length - headerLength;
      this.#outbound.text(`MSG ${target} ${sentLength}\r\n`);
      this.#outbound.message(message, headerLength);
    }
    stats.messagesOut++;
    stats.bytesOut += sentLength;
    this.#touch();
  }

  deliverNoResponders(sid: string, reply: string): void {
    this.#say(
      `HMSG ${reply} ${sid} ${NO_RESPONDERS_LENGTH} ${NO_RESPONDERS_LENGTH}\r\n${NO_RESPONDERS_BLOCK}\r\n`,
    );
  }

  #onData(chunk: Buffer): void {
    if (this.#isEnding) return;
    this.#heardAtMs = this.#host.nowMs();
    const fault = this.#parser.feed(chunk);
    if (fault !== undefined) {
      if (!this.isAuthenticated) this.#host.stats.authFailures++;
      this.fail(FAULT_TEXT[fault]);
    }
    this.#host.flushDirty();
  }

  #authenticate(options: Readonly<Record<string, unknown>>): Access | undefined {
    const { nkey, sig } = options;
    if (typeof nkey !== "string" || typeof sig !== "string") return undefined;
    const access = this.#host.authenticate(nkey);
    if (access === undefined || !verifySignature(nkey, this.#nonce, sig)) return undefined;
    return access;
  }

  #ping(nowMs: number): void {
    const { limits } = this.#host;
    const quietSinceMs = Math.max(this.#pingedAtMs, this.#pingsOutstanding === 0 ? this.#heardAtMs : 0);
    if (nowMs - quietSinceMs < limits.pingIntervalMs) return;
    if (this.#pingsOutstanding >= limits.pingsOutstandingMax) {
      this.fail("Stale Connection");
      return;
    }
    this.#pingsOutstanding++;
    this.#pingedAtMs = nowMs;
    this.#say("PING\r\n");
    this.flush();
  }

  /** It does not read: what waits is dropped, since it would not fit through either. */
  #cutSlow(): void {
    this.#host.stats.slowConsumers++;
    this.#host.stats.cutOff++;
    this.destroy();
  }

  #ok(): void {
    if (this.#isVerbose) this.#say("+OK\r\n");
  }

  #error(text: string): void {
    this.#say(`-ERR '${text}'\r\n`);
  }

  #say(text: string): void {
    this.#outbound.text(text);
    this.#touch();
  }

  #touch(): void {
    // answers count as well: who asks without end and never reads is no better
    if (this.#outbound.pendingBytes > this.#host.limits.maxPendingBytes && !this.#isEnding) {
      this.#cutSlow();
      return;
    }
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#host.markDirty(this);
  }

  #leave(): void {
    this.#parser.stop();
    this.#client?.detach();
    this.#client = undefined;
  }
}

function subscribeRefusal(
  result: SubscribeResult,
  pattern: string,
  queue: string | undefined,
): string | undefined {
  switch (result) {
    case "ok":
      return undefined;
    case "denied": {
      const group = queue === undefined ? "" : ` using queue "${queue}"`;
      return `Permissions Violation for Subscription to "${pattern}"${group}`;
    }
    case "malformed":
      return "Invalid Subject";
    case "too_many":
      return "maximum subscriptions exceeded";
  }
}

function parseConnect(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    // what cannot be read is no login
    return undefined;
  }
}
