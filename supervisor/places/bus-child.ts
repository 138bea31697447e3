/** The bus as a child of the root: the embedded broker in a thread, a nats-server of our own, or nothing to run when it is elsewhere. */
import type { BrokerBoot, BrokerReady } from "../../bus/broker/worker.ts";
import type { BusUser } from "../../bus/carrier/transport.ts";
import type { Clock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { ChildSpec } from "../child.ts";
import type { Life, LifeEvents } from "../life.ts";
import type { Backoff } from "../restart.ts";
import { type Intensity, LEAF_INTENSITY } from "../spec.ts";
import { launchNatsServer } from "./nats-life.ts";
import { launchThread } from "./thread.ts";

export type BusPlan =
  | { readonly mode: "embedded"; readonly host: string; readonly port: number }
  | {
      readonly mode: "spawn";
      readonly program: string;
      readonly host: string;
      readonly port: number;
      readonly directory: string;
      readonly jetstream: boolean;
      readonly maxPayloadBytes: number;
    }
  | { readonly mode: "external"; readonly servers: readonly string[] };

export interface BusChildOptions {
  readonly plan: BusPlan;
  /** Public keys and rights; the same after a restart, so that the actors' connections come back by themselves. */
  readonly users: readonly BusUser[];
  readonly clock: Clock;
  readonly startTimeoutMs?: number;
  readonly intensity?: Intensity;
  readonly backoff?: Backoff;
}

const START_TIMEOUT_MS = 10_000;

/** Clients reconnect, so nothing else is restarted with it. */
export class BusChild {
  readonly spec: ChildSpec;
  readonly #options: BusChildOptions;
  /** The port that was asked for, then the one it has got: a restart keeps it. */
  #port: number;

  constructor(options: BusChildOptions) {
    const { plan } = options;
    this.#options = options;
    this.#port = plan.mode === "external" ? 0 : plan.port;
    this.spec = {
      id: "bus",
      kind: "bus",
      restart: "permanent",
      critical: true,
      startTimeoutMs: this.#startTimeoutMs,
      shutdown: { politeMs: 5_000, termMs: 10_000 },
      heartbeat: { warnMs: 2_000, deadMs: 10_000 },
      intensity: options.intensity ?? LEAF_INTENSITY,
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
      launch: plan.mode === "external" ? "elsewhere" : (events) => this.#launch(events),
    };
  }

  /** Where clients dial it. Throws `SUPERVISOR_BUS_UNREACHABLE` before it has come up for the first time on a port of its own choice. */
  servers(): readonly string[] {
    const { plan } = this.#options;
    if (plan.mode === "external") return plan.servers;
    if (this.#port === 0)
      throw new TroupeError({ code: "SUPERVISOR_BUS_UNREACHABLE" }, "The bus is not up yet.");
    const host = plan.host.includes(":") ? `[${plan.host}]` : plan.host;
    return [`nats://${host}:${this.#port}`];
  }

  get #startTimeoutMs(): number {
    return this.#options.startTimeoutMs ?? START_TIMEOUT_MS;
  }

  #launch(events: LifeEvents): Life {
    const { plan, users, clock } = this.#options;
    const startTimeoutMs = this.#startTimeoutMs;
    if (plan.mode === "spawn") {
      const life = launchNatsServer({ ...plan, port: this.#port, users, clock, startTimeoutMs }, events);
      this.#keepPort(life.started);
      return life;
    }
    if (plan.mode === "external") throw new Error("broken invariant: an external bus is not launched");
    const boot: BrokerBoot = { host: plan.host, port: this.#port, users };
    const entry = new URL("../../bus/broker/worker.js", import.meta.url);
    const { life } = launchThread({ id: "bus", entry, startTimeoutMs, clock }, boot, events);
    this.#keepPort(life.started as Promise<BrokerReady>);
    return life;
  }

  #keepPort(started: Promise<{ port: number }>): void {
    started.then(
      ({ port }) => {
        this.#port = port;
      },
      // The end of this life tells why.
      () => {},
    );
  }
}
