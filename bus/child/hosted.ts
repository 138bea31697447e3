/** One actor's life from the inside: makes it from its definition, starts, suspends, resumes and stops it, and knows how it is. */
import { mkdirSync } from "node:fs";
import type { Meter } from "@opentelemetry/api";
import type { z } from "zod";
import type { Clock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";
import type { Actor, ActorContext, ActorDefinition, Boot, Readiness } from "../actor.ts";
import type { Bus } from "../bus.ts";
import type { Health } from "../contracts/builtin.ts";
import type { Door } from "../contracts/supervisor.ts";

/** What the actor is given beside its configuration. */
export interface HostedParts {
  readonly bus: Bus;
  readonly log: Log;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly startCrew?: NonNullable<ActorContext["startCrew"]>;
}

/** Who hears of the actor. */
export interface HostedListener {
  report(readiness: Readiness, progress?: string): void;
  doors(doors: readonly Door[]): void;
  /** The actor has done its work: whoever holds it stops it and ends. Told once, and not before the actor has started. */
  finished(): void;
}

export type HostedBoot = Pick<
  Boot,
  "instance" | "host" | "section" | "dataDirectory" | "network" | "version"
>;

export class HostedActor<S extends z.ZodObject = z.ZodObject> {
  readonly #definition: ActorDefinition<S>;
  readonly #listener: HostedListener;
  readonly #aborter = new AbortController();
  #actor: Actor | undefined;
  #phase: "new" | "starting" | "up" | "suspended" | "stopping" = "new";
  #readiness: Readiness | undefined;
  #progress: string | undefined;
  #isFinished = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(definition: ActorDefinition<S>, listener: HostedListener) {
    this.#definition = definition;
    this.#listener = listener;
  }

  /** The answer to the supervisor's probe. */
  health(): Health {
    const progress = this.#progress === undefined ? {} : { progress: this.#progress };
    switch (this.#phase) {
      case "new":
      case "starting":
        return { state: "starting", ...progress };
      case "up":
        return { state: this.#readiness ?? "ready", ...progress };
      default:
        return { state: this.#phase, ...progress };
    }
  }

  /** Resolves when the actor has started and the broker knows all that it serves. Rejects with the actor's own reason. */
  start(boot: HostedBoot, parts: HostedParts): Promise<void> {
    this.#starting ??= this.#start(boot, parts);
    return this.#starting;
  }

  async #start(boot: HostedBoot, parts: HostedParts): Promise<void> {
    this.#phase = "starting";
    const { name, section } = this.#definition;
    // Parsed by the supervisor already, and again here: what arrives over a port is not believed.
    const config = section.schema.parse(boot.section) as z.output<S>;
    mkdirSync(boot.dataDirectory, { recursive: true, mode: 0o700 });
    const actor = this.#definition.create({
      name,
      instance: boot.instance,
      host: boot.host,
      config,
      ...parts,
      dataDirectory: boot.dataDirectory,
      network: boot.network,
      version: boot.version,
      signal: this.#aborter.signal,
      report: (readiness, progress) => this.#report(readiness, progress),
      openDoors: (doors) => this.#listener.doors(doors),
      finish: () => this.#finish(),
    });
    this.#actor = actor;
    await actor.start();
    this.#aborter.signal.throwIfAborted();
    this.#phase = "up";
    if (this.#readiness === undefined) this.#report("ready");
    if (this.#isFinished) this.#listener.finished();
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (this.#phase === "up" || this.#phase === "suspended") this.#listener.finished();
  }

  #report(readiness: Readiness, progress?: string): void {
    this.#readiness = readiness;
    this.#progress = progress;
    this.#listener.report(readiness, progress);
  }

  async suspend(): Promise<void> {
    if (this.#phase !== "up") return;
    await this.#actor?.suspend?.();
    if (this.#isUpStill()) this.#phase = "suspended";
  }

  async resume(): Promise<void> {
    if (this.#phase !== "suspended") return;
    await this.#actor?.resume?.();
    if (this.#phase === "suspended") this.#phase = "up";
  }

  /** A stop may have come while the actor was suspending. */
  #isUpStill(): boolean {
    return this.#phase === "up";
  }

  /** Also while it is still starting: the signal aborts first, the start is waited for, then the actor stops. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#phase = "stopping";
    this.#aborter.abort(new TroupeError({ code: "BUS_CLOSED" }, `${this.#definition.name} is stopping`));
    // A start that fails now has been told to whoever asked for it.
    await this.#starting?.catch(() => {});
    this.#phase = "stopping";
    await this.#actor?.stop();
  }
}
