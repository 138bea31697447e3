/** The supervisor's own place on the bus: it serves its contract, publishes its tree, and asks actors how they are. */
import type { BusAccess } from "../../bus/actor.ts";
import type { Publisher } from "../../bus/bus.ts";
import { connectNats } from "../../bus/carrier/nats.ts";
import type { TransportStatus } from "../../bus/carrier/transport.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { healthContract } from "../../bus/contracts/builtin.ts";
import {
  type ChildReport,
  type ChildState,
  type SettableLevel,
  supervisorContract,
  type Tree,
} from "../../bus/contracts/supervisor.ts";
import type { Clock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";
import type { Probe } from "../life.ts";
import { busProbe } from "../probe.ts";

/** What the contract's requests come down to. */
export interface SupervisorAnswers {
  tree(): Tree;
  metrics(): Promise<{ actor: string; text: string }[]>;
  restart(child: string): Promise<ChildState>;
  logLevel(child: string, level: SettableLevel): Promise<boolean>;
}

const TWIN_DEADLINE_MS = 1_000;

export class OwnBus {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #host: string;
  readonly #onStatus: () => void;
  #bus: ConnectedBus | undefined;
  #isAway = false;
  readonly #dialling = new AbortController();
  #publisher: Publisher<typeof supervisorContract> | undefined;

  /** `host` is our instance token: several supervisors may share a bus. */
  constructor(options: { clock: Clock; log: Log; host: string; onStatus: () => void }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#host = options.host;
    this.#onStatus = options.onStatus;
  }

  get isUp(): boolean {
    return this.#bus?.isUp ?? false;
  }

  async open(access: BusAccess, answers: SupervisorAnswers): Promise<void> {
    const transport = await connectNats(access, {
      clock: this.#clock,
      connectionName: `supervisor ${this.#host}`,
      signal: this.#dialling.signal,
    });
    const bus = new ConnectedBus(transport, { log: this.#log, clock: this.#clock, instance: this.#host });
    try {
      await this.#refuseTwin(bus);
      await this.#serve(bus, answers);
      this.#dialling.signal.throwIfAborted();
    } catch (error) {
      this.#publisher = undefined;
      await bus.close();
      throw error;
    }
    this.#bus = bus;
    transport.onStatus((status) => this.#heard(status));
    this.#publisher?.state("tree", answers.tree());
  }

  async #serve(bus: ConnectedBus, answers: SupervisorAnswers): Promise<void> {
    const publisher = bus.publisher(supervisorContract, this.#host);
    await bus.serve(
      supervisorContract,
      {
        tree: () => answers.tree(),
        metrics: async () => ({ actors: await answers.metrics() }),
        restart: async ({ child }) => ({ state: await answers.restart(child) }),
        logLevel: async ({ child, level }) => ({ isSet: await answers.logLevel(child, level) }),
      },
      { instance: this.#host, publisher },
    );
    this.#publisher = publisher;
  }

  /** Two supervisors of one name would answer in each other's place. */
  async #refuseTwin(bus: ConnectedBus): Promise<void> {
    try {
      const contract = healthContract("supervisor");
      await bus.client(contract, this.#host).health({}, { deadlineMs: TWIN_DEADLINE_MS, retries: 0 });
    } catch {
      // Nobody answers by that name.
      return;
    }
    throw new TroupeError(
      { code: "SUPERVISOR_HOST_TAKEN", host: this.#host },
      `Another supervisor on this bus is called "${this.#host}" too. Give this one another name: host in the section [troupe], or --set troupe.host=<name>`,
    );
  }

  #heard(status: TransportStatus): void {
    if (status.kind === "denied" || (status.kind === "up" && !this.#isAway)) return;
    this.#isAway = status.kind !== "up";
    if (status.kind === "up") this.#log.info("the bus is back");
    else if (status.kind === "down") this.#log.warn("the bus is away", { reason: status.reason });
    this.#onStatus();
  }

  publishTree(tree: Tree): void {
    this.#publisher?.state("tree", tree);
  }

  publishReport(report: ChildReport): void {
    this.#publisher?.event("child", report);
  }

  /** Asks an actor of this host how it is. */
  probeOf(actor: string): Probe {
    return busProbe(() => this.#bus, actor, this.#host);
  }

  /** Nobody waits for a connection any more; one that stands stays. */
  stopDialling(): void {
    this.#dialling.abort(new TroupeError({ code: "SUPERVISOR_STOPPED" }, "The supervisor is stopping."));
  }

  async close(): Promise<void> {
    this.stopDialling();
    const bus = this.#bus;
    this.#bus = undefined;
    this.#publisher = undefined;
    await bus?.close();
  }
}
