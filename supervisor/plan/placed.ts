/** From a row of the table and a placement to a child that can be launched, and the tree as people read it. */
import type { Boot } from "../../bus/actor.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ChildSpec } from "../child.ts";
import type { Launch, Probe } from "../life.ts";
import { processLaunch } from "../places/process.ts";
import { Stage } from "../places/stage.ts";
import { threadLaunch } from "../places/thread.ts";
import { SUBTREE_INTENSITY } from "../spec.ts";
import type { PlacedActor } from "./settings.ts";

const STAGE_START_TIMEOUT_MS = 30_000;
/** A stage waits for its threads, so it gets their time and a little more. */
const STAGE_GRACE_MS = 5_000;

export interface PlacedTools {
  readonly clock: Clock;
  bootOf(actor: PlacedActor): Boot;
  /** The actor's own directory and log. */
  directoriesOf(actor: PlacedActor): readonly string[];
  probeOf(actor: PlacedActor): Probe | undefined;
}

/** The stages that the actors need, then the actors, in the order of the table. */
export function placedSpecs(actors: readonly PlacedActor[], tools: PlacedTools): ChildSpec[] {
  const stages = new Map<string, Stage>();
  for (const { placement } of actors) {
    const id = stageIdOf(placement);
    if (id === undefined || stages.has(id)) continue;
    stages.set(id, new Stage({ name: id, clock: tools.clock, startTimeoutMs: STAGE_START_TIMEOUT_MS }));
  }
  return [
    ...[...stages].map(([id, stage]) => stageSpec(id, stage, actors)),
    ...actors.map((actor) => actorSpec(actor, stages, tools)),
  ];
}

/** `stage:main` is called `stage`; others carry their name. */
export function stageIdOf(placement: string): string | undefined {
  if (!placement.startsWith("stage:")) return undefined;
  const name = placement.slice("stage:".length);
  return name === "main" ? "stage" : `stage-${name}`;
}

function stageSpec(id: string, stage: Stage, actors: readonly PlacedActor[]): ChildSpec {
  const threads = actors.filter(({ placement }) => stageIdOf(placement) === id);
  const politeMs = Math.max(...threads.map(({ shutdown }) => shutdown.politeMs)) + STAGE_GRACE_MS;
  return {
    id,
    kind: "stage",
    restart: "permanent",
    // Without it none of its threads can live.
    critical: threads.some(({ critical }) => critical),
    startTimeoutMs: STAGE_START_TIMEOUT_MS,
    shutdown: { politeMs, termMs: politeMs + STAGE_GRACE_MS },
    heartbeat: { warnMs: 3_000, deadMs: 12_000 },
    intensity: SUBTREE_INTENSITY,
    launch: stage.launch,
  };
}

function actorSpec(actor: PlacedActor, stages: ReadonlyMap<string, Stage>, tools: PlacedTools): ChildSpec {
  const { id, restart, critical, startTimeoutMs, shutdown, heartbeat, intensity, dependsOn } = actor;
  const stage = stages.get(stageIdOf(actor.placement) ?? "");
  const probe = tools.probeOf(actor);
  return {
    id,
    kind: "actor",
    restart,
    critical,
    startTimeoutMs,
    shutdown,
    heartbeat,
    intensity,
    launch: launchOf(actor, stage, tools),
    ...(stage === undefined ? {} : { host: stage }),
    ...(dependsOn === undefined ? {} : { dependsOn }),
    ...(probe === undefined ? {} : { probe }),
  };
}

function launchOf(
  actor: PlacedActor,
  stage: Stage | undefined,
  tools: PlacedTools,
): Launch | "off" | "elsewhere" {
  const { id, entry, placement, startTimeoutMs, heapMb, confined } = actor;
  if (placement === "off" || placement === "elsewhere") return placement;
  const boot = () => tools.bootOf(actor);
  const plan = {
    id,
    entry,
    boot,
    startTimeoutMs,
    clock: tools.clock,
    ...(heapMb === undefined ? {} : { heapMb }),
  };
  if (stage !== undefined) return stage.thread(plan);
  if (placement === "here") return threadLaunch(plan);
  if (confined === undefined) return processLaunch(plan);
  const own = tools.directoriesOf(actor);
  return processLaunch({ ...plan, permissions: { read: [...own, ...confined.read], write: own } });
}

/** The supervisor keeps stages and their threads side by side; people look for a thread below its stage. */
export function nestStages(statuses: readonly ChildStatus[], actors: readonly PlacedActor[]): ChildStatus[] {
  const stageOf = new Map(actors.map(({ id, placement }) => [id, stageIdOf(placement)]));
  const isThere = new Set(statuses.map(({ id }) => id));
  const top = statuses.filter(({ id }) => !isThere.has(stageOf.get(id) ?? ""));
  return top.map((status) => ({
    ...status,
    children: [...status.children, ...statuses.filter(({ id }) => stageOf.get(id) === status.id)],
  }));
}
