/** Entry of a stage: a process that holds other children's threads and does nothing else. The supervisor above tells it what to launch and when to end what. */
import { serveParent } from "../../bus/child/child-side.ts";
import { systemClock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { StageMethods, WireThread } from "./stage-wire.ts";
import { launchThread, type ThreadLife } from "./thread.ts";

const threads = new Map<number, ThreadLife>();

const lifeIn = (slot: number): ThreadLife["life"] => {
  const thread = threads.get(slot);
  if (thread === undefined)
    throw new TroupeError({ code: "SUPERVISOR_LOST_HOST", slot }, `no thread in slot ${slot}`);
  return thread.life;
};

let isLeaving = false;
let tell: (method: string, ...parameters: unknown[]) => void;

const methods: StageMethods = {
  launchThread(slot: number, plan: WireThread, boot: unknown) {
    const thread = launchThread({ ...plan, entry: new URL(plan.entry), clock: systemClock }, boot, {
      report: (readiness, progress) => tell("threadReport", slot, readiness, progress),
      doors: (doors) => tell("threadDoors", slot, doors),
      logged: (line) => tell("threadLogged", slot, line),
    });
    threads.set(slot, thread);
    thread.life.started.then(
      () => tell("threadStarted", slot),
      // A failed start is told by the thread's end.
      () => {},
    );
    void thread.life.exited.then((report) => {
      threads.delete(slot);
      // When the stage itself goes, its threads have lost their host: told by the stage's own end, and charged to it.
      if (!isLeaving) tell("threadExited", slot, report);
    });
    return thread.threadId;
  },
  stopThread: (slot) => lifeIn(slot).stop(),
  killThread: (slot) => lifeIn(slot).kill(),
  suspendThread: (slot) => lifeIn(slot).suspend(),
  resumeThread: (slot) => lifeIn(slot).resume(),
  threadMetrics: (slot) => lifeIn(slot).metrics(),
  threadLogLevel: async (slot, level) => (await lifeIn(slot).logLevel?.(level)) ?? false,
};

serveParent<undefined, void>((parent) => {
  tell = parent.tell;
  return {
    start: () => Promise.resolve(),
    async stop() {
      isLeaving = true;
      for (const { life } of threads.values()) life.kill();
      await Promise.all([...threads.values()].map(({ life }) => life.exited));
    },
    alsoPong: () => ({ threads: [...threads].map(([slot, { life }]) => [slot, life.vitals()]) }),
  };
}, methods);
