/** An Electrum door on every carrier at once, with methods that do what tests need of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Meter, metrics } from "@opentelemetry/api";
import { z } from "zod";
import { type ElectrumConfig, electrumKeys } from "../../../actors/gateway/electrum/config.ts";
import { ElectrumDoor } from "../../../actors/gateway/electrum/door.ts";
import { EncodedJson } from "../../../actors/gateway/electrum/encoded-json.ts";
import {
  type ElectrumProtocol,
  type Method,
  method,
  optional,
  required,
} from "../../../actors/gateway/electrum/method.ts";
import type { KnownPeers } from "../../../actors/gateway/electrum/methods/peer-methods.ts";
import { badRequest } from "../../../actors/gateway/electrum/protocol-error.ts";
import { version } from "../../../actors/gateway/electrum/protocol-version.ts";
import type { Session } from "../../../actors/gateway/electrum/session.ts";
import { silentLog } from "../../../bus/fake.ts";
import { type Clock, systemClock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { Target, TestCarrier } from "./raw-client.ts";

export const TEST_CARRIERS: readonly TestCarrier[] = ["tcp", "tls", "ws", "wss", "unix"];

export interface DoorOptions {
  readonly config?: Partial<z.input<typeof schema>>;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly meter?: Meter;
  readonly carriers?: readonly TestCarrier[];
  readonly peers?: KnownPeers;
  /** Instead of the methods that only tests need. */
  readonly methods?: ElectrumProtocol;
  /** Keeps the files of a door that was there before. */
  readonly directory?: string;
}

const schema = z.object(electrumKeys);

/** Subscriptions by name, and doors in promises that a test opens when it wants. */
export class TestProtocol implements ElectrumProtocol {
  readonly subscribers = new Map<Session, Set<string>>();
  /** How many sessions have ended. */
  forgotten = 0;
  /** How long nothing has been heard of the chain. */
  silence = 0;
  /** What `wait` waits for. */
  readonly waiting: (() => void)[] = [];
  readonly methods: readonly Method[];

  constructor() {
    const text = (given: unknown) => {
      if (typeof given === "string") return given;
      throw badRequest(`${JSON.stringify(given)} should be a string`);
    };
    const anything = (given: unknown) => given;
    this.methods = [
      method({ name: "echo", params: [required("value", anything)], cost: 0, handle: ([value]) => value }),
      method({
        name: "later",
        params: [optional("value", anything, null)],
        cost: 0,
        handle: async ([value]) => {
          await Promise.resolve();
          return value;
        },
      }),
      method({
        name: "wait",
        params: [optional("value", anything, null)],
        cost: 0,
        handle: ([value]) => new Promise((resolve) => this.waiting.push(() => resolve(value))),
      }),
      method({
        name: "spaces",
        params: [required("count", Number)],
        cost: 0,
        handle: ([count]) => " ".repeat(count),
      }),
      method({
        name: "pieces",
        params: [required("count", Number)],
        cost: 0,
        handle: ([count]) => {
          const numbers = Array.from({ length: count }, (_, at) =>
            Buffer.from(`${at === 0 ? "" : ","}${at}`),
          );
          return new EncodedJson([Buffer.from("["), ...numbers, Buffer.from("]")]);
        },
      }),
      method({
        name: "fail",
        params: [],
        cost: 0,
        handle: () => {
          throw new Error("a secret of ours");
        },
      }),
      method({
        name: "refuse",
        params: [],
        cost: 0,
        handle: async () => {
          throw badRequest("no");
        },
      }),
      method({
        name: "charge",
        params: [required("cost", Number)],
        cost: 0,
        handle: ([cost], session) => session.charge(cost),
      }),
      method({
        name: "subscribe",
        params: [required("topic", text)],
        cost: 0,
        handle: ([topic], session) => {
          session.addSubscription();
          const topics = this.subscribers.get(session) ?? new Set();
          this.subscribers.set(session, topics.add(topic));
          // A change in the same turn: its news must not overtake this answer.
          session.notify("subscribe", [topic, "news at once"]);
          return "subscribed";
        },
      }),
      method({ name: "old", before: "1.6", params: [], cost: 0, handle: () => "old" }),
      method({ name: "new", since: "1.6", params: [], cost: 0, handle: () => "new" }),
    ];
  }

  isTelling(): boolean {
    return false;
  }

  silentMs(): number {
    return this.silence;
  }

  forget(session: Session): void {
    this.subscribers.delete(session);
    this.forgotten++;
  }
}

export class DoorUnderTest {
  readonly door: ElectrumDoor;
  readonly protocol = new TestProtocol();
  readonly directory: string;
  readonly targets = new Map<TestCarrier, Target>();
  readonly #keepsDirectory: boolean;

  private constructor(options: DoorOptions) {
    this.#keepsDirectory = options.directory !== undefined;
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), "troupe-electrum-"));
    const carriers = options.carriers ?? TEST_CARRIERS;
    const at = (carrier: TestCarrier) => (carriers.includes(carrier) ? "127.0.0.1:0" : "");
    const config: ElectrumConfig = schema.parse({
      electrum_tcp_listen: at("tcp"),
      electrum_tls_listen: at("tls"),
      electrum_ws_listen: at("ws"),
      electrum_wss_listen: at("wss"),
      ...(carriers.includes("unix") && { electrum_unix_socket: join(this.directory, "e.sock") }),
      electrum_cost_soft: 0,
      ...options.config,
    });
    this.door = new ElectrumDoor({
      config,
      protocol: options.methods ?? this.protocol,
      peers: options.peers,
      software: "Troupe test",
      range: { min: version("1.4"), max: version("1.6") },
      directory: this.directory,
      clock: options.clock ?? systemClock,
      meter: options.meter ?? metrics.getMeter("test"),
      log: options.log ?? silentLog(),
    });
  }

  static async open(options: DoorOptions = {}): Promise<DoorUnderTest> {
    const made = new DoorUnderTest(options);
    for (const { address } of await made.door.open()) {
      const carrier = address.slice(0, address.indexOf(":")) as TestCarrier;
      made.targets.set(
        carrier,
        carrier === "unix"
          ? { carrier, port: 0, path: address.slice("unix:".length) }
          : { carrier, port: Number(new URL(address).port) },
      );
    }
    return made;
  }

  target(carrier: TestCarrier): Target {
    const target = this.targets.get(carrier);
    if (target === undefined) throw new Error(`the door is not open on ${carrier}`);
    return target;
  }

  get sessions(): number {
    return [...this.door.clients].length;
  }

  async close(): Promise<void> {
    await this.door.close();
    if (!this.#keepsDirectory) rmSync(this.directory, { recursive: true, force: true });
  }
}
