/** A gateway in this process, on a bus in memory, with a supervisor whose tree the test writes. */
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { z } from "zod";
import { gateway } from "../../../actors/gateway/actor.ts";
import { gatewayStartSection } from "../../../actors/gateway/config.ts";
import type { Actor } from "../../../bus/actor.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { type Door, supervisorContract, type Tree } from "../../../bus/contracts/supervisor.ts";
import { type FakeActor, fakeActor, silentLog } from "../../../bus/fake.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import type { World } from "../worlds.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface GatewayOptions {
  readonly tree?: Tree;
  readonly config?: z.input<typeof gatewayStartSection.schema>;
  readonly clock?: Clock;
  readonly metricsText?: string;
}

export class GatewayUnderTest {
  readonly world: World;
  readonly bus: ConnectedBus;
  readonly supervisor: FakeActor<typeof supervisorContract>;
  readonly actor: Actor;
  /** What the gateway has told the supervisor over its context. */
  readonly openedDoors: Door[] = [];
  readonly #directory: string;
  #hasStopped = false;

  private constructor(
    world: World,
    bus: ConnectedBus,
    supervisor: FakeActor<typeof supervisorContract>,
    options: GatewayOptions,
  ) {
    this.world = world;
    this.bus = bus;
    this.supervisor = supervisor;
    this.#directory = mkdtempSync(join(tmpdir(), "troupe-gateway-"));
    this.actor = gateway.create(
      contextWith({
        name: "gateway",
        config: gatewayStartSection.schema.parse({
          http_listen: "127.0.0.1:0",
          wallet_listen: "",
          electrum_tcp_listen: "",
          electrum_tls_listen: "",
          ...options.config,
        }),
        bus,
        clock: options.clock ?? systemClock,
        dataDirectory: this.#directory,
        openDoors: (doors) => void this.openedDoors.push(...doors),
        finish: () => undefined,
      }),
    );
  }

  /** Connected, not yet started. */
  static async make(options: GatewayOptions = {}): Promise<GatewayUnderTest> {
    const world = await releaseWorld();
    const { tree } = options;
    const supervisor = await fakeActor(
      world,
      supervisorContract,
      {
        ...(tree !== undefined && { tree: () => tree }),
        metrics: () => ({ actors: [{ actor: "gateway", text: options.metricsText ?? "" }] }),
      },
      { instance: "box" },
    );
    const bus = new ConnectedBus(await world.connect("gateway"), { log: silentLog() });
    return new GatewayUnderTest(world, bus, supervisor, options);
  }

  static async start(options: GatewayOptions = {}): Promise<GatewayUnderTest> {
    const made = await GatewayUnderTest.make(options);
    await made.actor.start();
    return made;
  }

  get port(): number {
    const [door] = this.openedDoors;
    if (door === undefined) throw new Error("the gateway has opened no door");
    return Number(new URL(door.address).port);
  }

  /** `host` is the name the browser believes to speak to. */
  ask(path: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: "127.0.0.1",
          port: this.port,
          path,
          method: options.method ?? "GET",
          headers: options.headers ?? {},
          agent: false,
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          response.once("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
          );
        },
      );
      request.once("error", reject);
      request.end();
    });
  }

  async stop(): Promise<void> {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    await this.actor.stop();
    await this.bus.close();
    await this.supervisor.stop();
    await this.world.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A browser's `EventSource`, as far as a test needs it: messages in the order of their coming. */
export class EventReader {
  readonly #messages: unknown[] = [];
  readonly #request;
  #wake: () => void = () => undefined;
  #status = 0;
  #isEnded = false;

  constructor(port: number) {
    this.#request = httpRequest(
      { host: "127.0.0.1", port, path: "/api/events", agent: false },
      (response) => {
        this.#status = response.statusCode ?? 0;
        let rest = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          const blocks = (rest + chunk).split("\n\n");
          rest = blocks.pop() ?? "";
          for (const block of blocks) {
            const data = /^data: (.*)$/m.exec(block)?.[1];
            if (data !== undefined) this.#messages.push(JSON.parse(data));
          }
          this.#wake();
        });
        response.once("close", () => this.#end());
        this.#wake();
      },
    );
    this.#request.once("error", () => this.#end());
    this.#request.end();
  }

  /** The first message that fits, also of those that came before; undefined when the stream ends without one. */
  async next<T>(fits: (message: T) => boolean): Promise<T | undefined> {
    for (;;) {
      while (this.#messages.length > 0) {
        const message = this.#messages.shift() as T;
        if (fits(message)) return message;
      }
      if (this.#isEnded) return undefined;
      await this.#change();
    }
  }

  async status(): Promise<number> {
    while (this.#status === 0 && !this.#isEnded) await this.#change();
    return this.#status;
  }

  /** Resolves when the server has ended the stream. */
  async ended(): Promise<void> {
    while (!this.#isEnded) await this.#change();
  }

  close(): void {
    this.#request.destroy();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
