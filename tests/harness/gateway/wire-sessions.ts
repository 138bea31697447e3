/** Sessions of the inner half as clients have them: through the real door, over any carrier, with what the wire says. */
import type { ElectrumProtocol } from "../../../actors/gateway/electrum/method.ts";
import { type DoorOptions, DoorUnderTest } from "../electrum/door-under-test.ts";
import { RawClient, type Reply, type TestCarrier } from "../electrum/raw-client.ts";
import { heightsIn, type Notification, statusesIn } from "./electrum.ts";

export class WireSession {
  readonly notifications: Notification[] = [];
  readonly #client: RawClient;
  readonly #waiting = new Map<unknown, (reply: Reply | undefined) => void>();
  #asked = 0;

  private constructor(client: RawClient) {
    this.#client = client;
  }

  static over(client: RawClient): WireSession {
    const session = new WireSession(client);
    void session.#listen();
    return session;
  }

  /** The result; throws what the server refused with. */
  async call(method: string, params?: unknown): Promise<unknown> {
    const id = this.#asked++;
    const answered = new Promise<Reply | undefined>((resolve) => void this.#waiting.set(id, resolve));
    this.#client.ask({ jsonrpc: "2.0", id, method, params });
    const reply = await answered;
    if (reply === undefined) throw new Error(`${method} was not answered`);
    if (reply.error !== undefined) throw Object.assign(new Error(reply.error.message), reply.error);
    return reply.result;
  }

  /** Every message in the order of its coming, as a text. */
  get received(): readonly string[] {
    return this.#client.received;
  }

  statusesOf(scripthash: string): unknown[] {
    return statusesIn(this.notifications, scripthash);
  }

  heights(): unknown[] {
    return heightsIn(this.notifications);
  }

  close(): void {
    this.#client.close();
  }

  async #listen(): Promise<void> {
    const next = () => this.#client.nextText().catch(() => undefined);
    for (let text = await next(); text !== undefined; text = await next()) {
      const message = JSON.parse(text) as Reply & Notification;
      if (message.method === undefined) this.#settle(message);
      else this.notifications.push(message);
    }
    for (const resolve of this.#waiting.values()) resolve(undefined);
  }

  #settle(reply: Reply): void {
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }
}

export class WireSessions {
  readonly under: DoorUnderTest;
  readonly #carrier: TestCarrier;

  private constructor(under: DoorUnderTest, carrier: TestCarrier) {
    this.under = under;
    this.#carrier = carrier;
  }

  static async open(half: ElectrumProtocol, carrier: TestCarrier): Promise<WireSessions> {
    return new WireSessions(await DoorUnderTest.open({ carriers: [carrier], methods: half }), carrier);
  }

  /** On every carrier at once; each session says over which. */
  static async openAll(half: ElectrumProtocol, options: DoorOptions = {}): Promise<WireSessions> {
    return new WireSessions(await DoorUnderTest.open({ ...options, methods: half }), "tcp");
  }

  async session(agreed = "1.6", carrier = this.#carrier): Promise<WireSession> {
    return WireSession.over(await RawClient.greeted(this.under.target(carrier), agreed));
  }

  /** Of all sessions together. */
  get subscriptions(): number {
    return this.under.door.parts.admission.subscriptions;
  }

  close(): Promise<void> {
    return this.under.close();
  }
}
