/** The bus over TCP: the NATS client behind our seam. The only file that imports the `nats` package. */
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  Events,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NatsError,
  type Subscription as NatsSubscription,
} from "nats";
import { type Clock, sleep, systemClock } from "../../runtime/clock.ts";
import { isLoopback } from "../../runtime/config/config-values.ts";
import type { BusAccess } from "../actor.ts";
import { inboxPrefix } from "../subject.ts";
import {
  checkSize,
  checkSubject,
  closedError,
  StatusListeners,
  unauthenticatedError,
  unavailableError,
} from "./carrier.ts";
import { decodeHeaders, encodeHeaders, type HeaderBlock } from "./headers.ts";
import { Nkey } from "./nkey.ts";
import type {
  Delivery,
  HeaderList,
  PublishOptions,
  SubscribeOptions,
  Subscription,
  Transport,
  TransportStatus,
} from "./transport.ts";

/** A local broker is back at once or not at all; a remote one must not be stormed. */
const RECONNECT_LOOPBACK_MS = 100;
const RECONNECT_REMOTE_MS = 2_000;
const RECONNECT_JITTER_MS = 1_000;
/** A silent server is given up after three intervals without a PONG. */
const PING_INTERVAL_MS = 10_000;
const PINGS_OUTSTANDING_MAX = 2;
/**
 * One attempt to connect; a server that accepts and says nothing must not use up all the time there is. Nor one that
 * dies in the middle of the greeting, which the client does not see: it waits for the rest until this time is over.
 */
const ATTEMPT_LOOPBACK_MS = 1_000;
const ATTEMPT_REMOTE_MS = 2_000;
const AUTH_CODES = new Set(["AUTHORIZATION_VIOLATION", "AUTHENTICATION_EXPIRED", "ACCOUNT_EXPIRED"]);
const NO_BODY = new Uint8Array(0);

export interface NatsOptions {
  readonly clock?: Clock;
  /** Shown by the server's monitoring beside the user's name. */
  readonly connectionName?: string;
  /** Ends the attempts to connect; a connection that stands is its owner's to close. */
  readonly signal?: AbortSignal;
}

/**
 * Connects, trying again until `connectTimeoutMs` is over; afterwards it reconnects for ever.
 * Rejects with `BUS_UNAUTHENTICATED` at once when the server refuses the user, with `BUS_UNAVAILABLE` when none answers.
 */
export async function connectNats(access: BusAccess, options: NatsOptions = {}): Promise<Transport> {
  const clock = options.clock ?? systemClock;
  const connection = connectionOptions(access, options.connectionName ?? access.user);
  const deadlineMs = clock.monotonicMs() + access.connectTimeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const leftMs = deadlineMs - clock.monotonicMs();
    try {
      const timeout = Math.max(1, Math.min(connection.timeout ?? ATTEMPT_REMOTE_MS, leftMs));
      return new NatsTransport(access.user, await connect({ ...connection, timeout }));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof NatsError && AUTH_CODES.has(error.code)) {
        throw unauthenticatedError(access.user, reason, error);
      }
      const pauseMs = connection.reconnectTimeWait ?? RECONNECT_REMOTE_MS;
      if (deadlineMs - clock.monotonicMs() <= pauseMs) throw unavailableError(reason, error);
      await sleep(clock, pauseMs, options.signal);
    }
  }
}

function connectionOptions(access: BusAccess, name: string): ConnectionOptions {
  const isLocal = access.servers.every((server) => isLoopback(hostOf(server)));
  // off this host nothing goes in the clear: an empty object asks for TLS with the system's authorities
  const tls = access.tls ?? (isLocal ? undefined : {});
  const checkedTls =
    tls === undefined ? undefined : { ...tls, checkServerIdentity: identityCheck(access.servers) };
  return {
    servers: [...access.servers],
    name,
    authenticator: authenticatorOf(access),
    inboxPrefix: inboxPrefix(access.user),
    maxReconnectAttempts: -1,
    timeout: isLocal ? ATTEMPT_LOOPBACK_MS : ATTEMPT_REMOTE_MS,
    reconnectTimeWait: isLocal ? RECONNECT_LOOPBACK_MS : RECONNECT_REMOTE_MS,
    reconnectJitter: isLocal ? 0 : RECONNECT_JITTER_MS,
    reconnectJitterTLS: isLocal ? 0 : RECONNECT_JITTER_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUTSTANDING_MAX,
    // servers announced by a cluster would bypass the list that the operator gave
    ignoreClusterUpdates: true,
    ...(checkedTls === undefined ? {} : { tls: checkedTls }),
  };
}

/**
 * The client names no host when it dials an address, and Node would then ask the certificate for "localhost":
 * ask it for the addresses that the operator gave instead.
 */
function identityCheck(servers: readonly string[]): typeof checkServerIdentity {
  const nameless = servers.map(hostOf).filter((host) => host === "localhost" || isIP(host) !== 0);
  return (host, certificate) => {
    if (host !== "localhost" || nameless.length === 0) return checkServerIdentity(host, certificate);
    const errors = nameless.map((name) => checkServerIdentity(name, certificate));
    return errors.includes(undefined) ? undefined : errors[0];
  };
}

function authenticatorOf(access: BusAccess): Authenticator {
  if (access.credentials !== undefined)
    return credsAuthenticator(new TextEncoder().encode(access.credentials));
  const nkey = Nkey.fromSeed(access.seed ?? "");
  return (nonce) => ({ nkey: nkey.publicKey, sig: nkey.sign(nonce ?? "") });
}

function hostOf(server: string): string {
  const { hostname } = new URL(server.includes("://") ? server : `nats://${server}`);
  return hostname.replace(/^\[|\]$/g, "");
}

class NatsTransport implements Transport {
  readonly user: string;
  readonly #connection: NatsConnection;
  readonly #listeners = new StatusListeners();
  readonly #flushes = new Set<(error: Error) => void>();
  #maxPayloadBytes = 0;
  #isUp = true;
  #isClosed = false;

  constructor(user: string, connection: NatsConnection) {
    this.#maxPayloadBytes = connection.info?.max_payload ?? 0;
    this.user = user;
    this.#connection = connection;
    void this.#watch();
    void connection.closed().then((error) => this.#onClosed(error));
  }

  /** While it dials, the client knows nothing of any server: then the last one's word holds. */
  get maxPayloadBytes(): number {
    this.#maxPayloadBytes = this.#connection.info?.max_payload ?? this.#maxPayloadBytes;
    return this.#maxPayloadBytes;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  publish(subject: string, body: Uint8Array, options?: PublishOptions): void {
    if (this.#isClosed) throw closedError();
    checkSubject(subject);
    const reply = options?.reply;
    if (reply !== undefined) checkSubject(reply);
    const headers = options?.headers?.length ? new EncodedHeaders(options.headers) : undefined;
    checkSize(body.length + (headers?.block.length ?? 0), this.maxPayloadBytes);
    // the client would keep it and send it after a reconnect, long after its deadline
    if (!this.#isUp) return;
    this.#connection.publish(subject, body, {
      ...(reply === undefined ? undefined : { reply }),
      ...(headers === undefined ? undefined : { headers: headers as unknown as MsgHdrs }),
    });
  }

  subscribe(pattern: string, options: SubscribeOptions, deliver: (delivery: Delivery) => void): Subscription {
    if (this.#isClosed) throw closedError();
    checkSubject(pattern);
    let isOpen = true;
    const subscription = this.#connection.subscribe(pattern, {
      ...options,
      callback: (error, message) => {
        if (error === null && isOpen) deliver(new NatsDelivery(message as unknown as RawMessage));
      },
    });
    return {
      drain: async () => {
        if (!isOpen || subscription.isClosed()) return;
        await drainQuietly(subscription);
        isOpen = false;
      },
      close: () => {
        isOpen = false;
        if (!subscription.isClosed()) subscription.unsubscribe();
      },
    };
  }

  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closedError());
      if (!this.#isUp) return reject(unavailableError("disconnected"));
      // the client itself rejects only when it dials again
      this.#flushes.add(reject);
      this.#connection.flush().then(
        () => {
          this.#flushes.delete(reject);
          resolve();
        },
        (error: unknown) => {
          this.#flushes.delete(reject);
          reject(unavailableError("disconnected", error));
        },
      );
    });
  }

  onStatus(listener: (status: TransportStatus) => void): () => void {
    return this.#listeners.add(listener);
  }

  async drain(): Promise<void> {
    if (this.#isClosed) return;
    // without a server there is nothing to drain to, and waiting for one could take for ever
    if (!this.#isUp) return this.close();
    await Promise.race([
      this.#connection.drain(),
      new Promise<void>((resolve) => this.#flushes.add(() => resolve())),
    ]).catch(() => undefined);
    await this.close();
  }

  async close(): Promise<void> {
    if (!this.#isClosed) await this.#connection.close();
    this.#onClosed(undefined);
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === Events.Disconnect) this.#onDown();
      else if (status.type === Events.Reconnect) this.#onUp();
      else if (status.type === Events.Error && status.permissionContext !== undefined) {
        const { operation, subject } = status.permissionContext;
        const kind = operation === "publish" ? "publish" : "subscribe";
        this.#listeners.tell({ kind: "denied", operation: kind, subject });
      }
    }
  }

  #onDown(): void {
    if (!this.#isUp || this.#isClosed) return;
    this.#isUp = false;
    const reason = "the connection to the broker was lost";
    this.#rejectFlushes(unavailableError(reason));
    this.#listeners.tell({ kind: "down", reason });
  }

  #onUp(): void {
    if (this.#isUp || this.#isClosed) return;
    this.#isUp = true;
    this.#listeners.tell({ kind: "up" });
  }

  #onClosed(error: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isUp = false;
    this.#rejectFlushes(closedError());
    const reason = error instanceof Error ? error.message : "closed by its owner";
    this.#listeners.tell({ kind: "closed", reason });
  }

  #rejectFlushes(error: Error): void {
    const waiting = [...this.#flushes];
    this.#flushes.clear();
    for (const reject of waiting) reject(error);
  }
}

/** Resolves too when the connection is lost meanwhile: then nothing more can arrive. */
async function drainQuietly(subscription: NatsSubscription): Promise<void> {
  try {
    await subscription.drain();
  } catch {
    // closed already, by the server or with the connection
  }
}

/** What the client wants of its own headers class is only this method; ours keeps order and repeated names. */
class EncodedHeaders {
  readonly block: Uint8Array;

  constructor(headers: HeaderList) {
    this.block = encodeHeaders(headers);
  }

  encode(): Uint8Array {
    return this.block;
  }
}

/** The parts of the client's message that its own getters decode at a price (version 2.29.3; the conformance suite watches). */
interface RawMessage extends Msg {
  readonly _msg: { readonly hdr: number };
  readonly _rdata: Uint8Array | undefined;
}

/** Decodes only what is asked for. */
class NatsDelivery implements Delivery {
  readonly #message: RawMessage;
  #block: HeaderBlock | undefined;

  constructor(message: RawMessage) {
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get reply(): string | undefined {
    return this.#message.reply || undefined;
  }

  get headers(): HeaderList | undefined {
    return this.#decoded()?.headers;
  }

  get status(): number {
    return this.#decoded()?.status ?? 0;
  }

  get body(): Uint8Array {
    const { _rdata: data, _msg: message } = this.#message;
    if (data === undefined) return NO_BODY;
    return message.hdr > 0 ? data.subarray(message.hdr) : data;
  }

  #decoded(): HeaderBlock | undefined {
    const { _rdata: data, _msg: message } = this.#message;
    if (message.hdr <= 0 || data === undefined) return undefined;
    this.#block ??= decodeHeaders(data.subarray(0, message.hdr));
    return this.#block;
  }
}
