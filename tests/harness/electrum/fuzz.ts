/** Hostile clients of every kind against an Electrum door in this process, with a wallet among them that must always be served. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { DoorUnderTest } from "./door-under-test.ts";
import { Chance, expectedAnswer, hostileInput, idsOf } from "./hostile-input.ts";
import { RawClient, type TestCarrier } from "./raw-client.ts";

export interface FuzzReport {
  readonly inputs: number;
  readonly sessions: number;
  readonly answers: number;
}

/** Inputs of one session. */
const INPUTS_MAX = 250;
const REQUEST_BYTES_MAX = 20_000;
const PATIENCE_MS = 30_000;

const GREETING = '{"jsonrpc":"2.0","id":"hello","method":"server.version","params":["fuzz",["1.4","1.6"]]}';
const MARK = '{"jsonrpc":"2.0","id":"the last one","method":"server.ping"}';

export class ElectrumFuzz {
  readonly under: DoorUnderTest;
  readonly #chance: Chance;
  readonly #wallet: RawClient;
  #inputs = 0;
  #sessions = 0;
  #answers = 0;

  private constructor(under: DoorUnderTest, wallet: RawClient, seed: number) {
    this.under = under;
    this.#wallet = wallet;
    this.#chance = new Chance(seed);
  }

  static async start(seed: number): Promise<ElectrumFuzz> {
    const under = await DoorUnderTest.open({
      config: {
        electrum_request_bytes_max: REQUEST_BYTES_MAX,
        electrum_response_bytes_max: 1_000_000,
        electrum_buffer_bytes_max: 64 * 1024 * 1024,
        electrum_batch_max: 100,
      },
    });
    return new ElectrumFuzz(under, await RawClient.greeted(under.target("tcp")), seed);
  }

  get report(): FuzzReport {
    return { inputs: this.#inputs, sessions: this.#sessions, answers: this.#answers };
  }

  /** At least so many more inputs. Throws at the first wrong answer, with what brought it about. */
  async run(inputs: number): Promise<void> {
    const until = this.#inputs + inputs;
    while (this.#inputs < until) {
      const atOnce = Array.from({ length: 4 }, () => this.#session());
      await Promise.all(atOnce);
      // Whatever the others did, a wallet is served.
      const value = this.#inputs;
      const answer = await this.#wallet.call("echo", [value]);
      if (answer !== value) throw new Error("the wallet among the hostile got a wrong answer");
    }
  }

  /** Only the wallet is left. */
  quiet(): Promise<void> {
    return eventually("the others to leave", () => this.under.sessions === 1);
  }

  /** All have gone and nothing of them is kept. */
  async settled(): Promise<void> {
    const { door } = this.under;
    await this.quiet();
    this.#wallet.close();
    await eventually("the wallet to leave", () => this.under.sessions === 0);
    const left = {
      bytes: door.parts.budget.usedBytes,
      running: door.parts.scheduler.running,
      subscriptions: door.parts.admission.subscriptions,
      subscribers: this.under.protocol.subscribers.size,
    };
    if (Object.values(left).some((count) => count !== 0))
      throw new Error(`left behind: ${JSON.stringify(left)}`);
  }

  async close(): Promise<void> {
    this.#wallet.close();
    await this.under.close();
  }

  #session(): Promise<void> {
    this.#sessions++;
    // Each its own, so that who is faster does not change what the others do.
    const chance = new Chance(this.#chance.below(2 ** 32));
    const draw = chance.next();
    if (draw < 0.55) return this.#talker(chance, chance.one(["tcp", "unix", "tls"] as const));
    if (draw < 0.7) return this.#webTalker(chance, chance.one(["ws", "wss"] as const));
    if (draw < 0.8) return this.#vandal(chance, chance.one(["tcp", "tls", "ws", "wss"] as const));
    if (draw < 0.9) return this.#stranger(chance);
    return this.#deaf(chance);
  }

  /** Says many things in pieces of any size; each has its answer, and only that. */
  async #talker(chance: Chance, carrier: TestCarrier): Promise<void> {
    const client = await RawClient.greeted(this.under.target(carrier));
    const inputs = Array.from({ length: 1 + chance.below(INPUTS_MAX) }, () => hostileInput(chance, false));
    const stream = Buffer.concat(inputs.flatMap((input) => [input, LINE_END]));
    for (let at = 0; at < stream.length; ) {
      const length = 1 + chance.below(chance.next() < 0.2 ? 40 : 20_000);
      client.socket.write(stream.subarray(at, at + length));
      at += length;
      if (chance.next() < 0.3) await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#compare(client, inputs);
  }

  async #webTalker(chance: Chance, carrier: TestCarrier): Promise<void> {
    const client = await RawClient.greeted(this.under.target(carrier));
    const inputs = Array.from({ length: 1 + chance.below(INPUTS_MAX) }, () => hostileInput(chance, true));
    for (const input of inputs) {
      if (chance.next() < 0.05) client.webSocket?.ping();
      client.say(input);
    }
    await this.#compare(client, inputs);
  }

  async #compare(client: RawClient, inputs: readonly Buffer[]): Promise<void> {
    this.#inputs += inputs.length;
    client.say(MARK);
    const expected = inputs.map(expectedAnswer).filter((answer) => answer !== undefined);
    const found: string[] = [];
    while (found.length < expected.length + 1) {
      const text = await client.nextText();
      if (text === undefined) throw new Error(`closed after ${found.length} of ${expected.length} answers`);
      const message = JSON.parse(text) as { method?: unknown };
      // News of what it has subscribed to.
      if (message.method === undefined) found.push(idsOf(message));
    }
    this.#answers += found.length;
    const missing = without([...expected, '"the last one"'], found);
    const extra = without(found, [...expected, '"the last one"']);
    if (missing.length + extra.length > 0) {
      const suspects = inputs.filter((input) => missing.includes(expectedAnswer(input) ?? ""));
      throw new Error(
        `answers are missing: ${excerpt(missing)}\nothers came: ${excerpt(extra)}\nof: ${excerpt(suspects.map(String))}`,
      );
    }
    client.close();
  }

  /** Speaks another language, or breaks the carrier's. */
  async #vandal(chance: Chance, carrier: TestCarrier): Promise<void> {
    const socket = connect({ host: "127.0.0.1", port: this.under.target(carrier).port });
    socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    await new Promise((resolve) => socket.once("connect", resolve));
    if (carrier === "ws" && chance.next() < 0.8) await upgraded(socket);
    for (let count = 1 + chance.below(20); count > 0 && !socket.destroyed; count--) {
      this.#inputs++;
      socket.write(vandalism(chance));
      if (chance.next() < 0.3) await pause(chance.below(3));
    }
    // It may have closed us already; if not we leave, politely or not.
    leave(socket, chance);
    await within(closed, "the vandal to be gone");
  }

  /** Begins with anything but its name, or with too much. */
  async #stranger(chance: Chance): Promise<void> {
    const client = await RawClient.connect(this.under.target(chance.one(["tcp", "unix"] as const)));
    const kind = chance.below(3);
    this.#inputs++;
    if (kind === 0) client.say(hostileInput(chance, false));
    else if (kind === 1) client.socket.write(Buffer.alloc(REQUEST_BYTES_MAX * 3, "x"));
    else client.say(`${GREETING}\n${"y".repeat(REQUEST_BYTES_MAX + 1)}`);
    client.socket.end();
    await client.closed();
    for (const text of client.received) idsOf(JSON.parse(text));
  }

  /** Asks for much and does not read it. */
  async #deaf(chance: Chance): Promise<void> {
    const client = await RawClient.connect(this.under.target("tcp"), { isReading: false });
    client.say(GREETING);
    for (let id = 0; id < 40; id++) {
      this.#inputs++;
      client.ask({ id, method: "spaces", params: [100_000 + chance.below(800_000)] });
    }
    await pause(chance.below(20));
    leave(client.socket, chance);
    if (!client.isClosed) client.close();
  }
}

/** What is in the one and not in the other, each as often. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const other of others) counts.set(other, (counts.get(other) ?? 0) + 1);
  return all.filter((one) => {
    const count = counts.get(one) ?? 0;
    counts.set(one, count - 1);
    return count <= 0;
  });
}

function excerpt(texts: readonly string[]): string {
  return texts
    .slice(0, 5)
    .map((text) => text.slice(0, 600))
    .join("\n  ");
}

const LINE_END = Buffer.from("\n");

function vandalism(chance: Chance): Buffer {
  switch (chance.below(6)) {
    case 0:
      return chance.bytes(chance.below(2_000));
    case 1:
      return Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    case 2:
      return Buffer.from(`POST /${"a".repeat(chance.below(20_000))} HTTP/1.1\r\n`);
    case 3:
      // The head of a TLS record, and then nothing of the kind.
      return Buffer.concat([
        Buffer.from([0x16, 3, 1, chance.below(256), chance.below(256)]),
        chance.bytes(50),
      ]);
    case 4: {
      // A WebSocket frame of any kind, with or without mask, of any said length.
      const head = [chance.below(256), chance.one([0, 0x80]) | chance.one([0, 1, 5, 125, 126, 127])];
      return Buffer.concat([Buffer.from(head), chance.bytes(chance.below(30))]);
    }
    default:
      return Buffer.concat([
        Buffer.from([0x89, 0x80, 0, 0, 0, 0]),
        Buffer.from([0x81, 0x82, 1, 2, 3, 4, 5, 6]),
      ]);
  }
}

function upgraded(socket: Socket): Promise<void> {
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  return new Promise((resolve) => {
    socket.once("data", () => resolve());
    socket.once("close", () => resolve());
  });
}

function leave(socket: Socket, chance: Chance): void {
  const way = chance.below(3);
  if (way === 0) socket.resetAndDestroy();
  else if (way === 1) socket.destroy();
  else {
    socket.resume();
    socket.end();
    // Half-closed; who is not let go by the server then leaves for good.
    setTimeout(() => socket.destroy(), 50);
  }
}

async function within(promise: Promise<void>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${PATIENCE_MS} ms for ${what}`)), PATIENCE_MS);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const untilMs = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > untilMs) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`);
    await pause(5);
  }
}
