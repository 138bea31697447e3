/** `supervisor stop`, `restart` and `log-level`: orders over the admin socket, with their progress. */
import type { SettableLevel } from "../../bus/contracts/supervisor.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { AdminClient } from "../../supervisor/admin/client.ts";
import { judge } from "../../supervisor/host/identity.ts";
import { readLock } from "../../supervisor/host/lock.ts";
import { findDataPaths } from "../../supervisor/plan/settings.ts";
import { EXIT } from "../errors.ts";
import { type PlaceOptions, paintOf, requestOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { StepsView } from "../view/steps-view.ts";

/** Longer than the longest polite stop of any actor, one after the other. */
const STOP_DEADLINE_MS = 300_000;
const RESTART_DEADLINE_MS = 300_000;
/** After the last child has gone: closing the log, freeing the lock, leaving. */
const RELEASE_DEADLINE_MS = 10_000;
const RELEASE_POLL_MS = 20;

export async function stop(
  options: PlaceOptions & { force?: boolean; json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const paths = findDataPaths(requestOf(options, terminal));
  const admin = await AdminClient.connect(paths.socket);
  const holder = readLock(paths.lock)?.holder;
  const paint = paintOf(terminal);
  const steps = new StepsView(terminal.stdout, paint);
  try {
    await admin.call(
      "stop",
      { force: options.force ?? false },
      { deadlineMs: STOP_DEADLINE_MS, onStep: (step) => !options.json && steps.show(step) },
    );
    await admin.closed;
  } finally {
    steps.close();
    admin.close();
  }
  // Whoever starts it again at once must find neither the lock taken nor a port; the process itself has both to the end.
  const untilMs = systemClock.monotonicMs() + RELEASE_DEADLINE_MS;
  while (holder !== undefined && judge(holder) === "alive" && systemClock.monotonicMs() < untilMs) {
    await sleep(systemClock, RELEASE_POLL_MS);
  }
  if (options.json) sayJson(terminal, { stopped: true });
  else say(terminal, paint("good", "Stopped."));
  return EXIT.ok;
}

const LOG_DEADLINE_MS = 15_000;

/** Until the actor is started again, which is as the configuration has it. */
export async function logLevel(
  child: string,
  level: SettableLevel,
  options: PlaceOptions & { json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const admin = await AdminClient.connect(findDataPaths(requestOf(options, terminal)).socket);
  try {
    const { isSet } = await admin.call("logLevel", { child, level }, { deadlineMs: LOG_DEADLINE_MS });
    if (options.json) sayJson(terminal, { child, level, isSet });
    else if (isSet) say(terminal, `${child} writes ${level} and above until it is started again.`);
    else
      say(
        terminal,
        paintOf(terminal)("warn", `${child} does not run, or its log is written by another program.`),
      );
    return isSet ? EXIT.ok : EXIT.failed;
  } finally {
    admin.close();
  }
}

export async function restart(
  child: string | undefined,
  options: PlaceOptions & { json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const admin = await AdminClient.connect(findDataPaths(requestOf(options, terminal)).socket);
  const paint = paintOf(terminal);
  const steps = new StepsView(terminal.stdout, paint);
  try {
    const { restarted } = await admin.call("restart", child === undefined ? {} : { child }, {
      deadlineMs: RESTART_DEADLINE_MS,
      onStep: (step) => !options.json && steps.show(step),
    });
    const tree = await admin.call("tree", {}, { deadlineMs: 10_000 });
    steps.close();
    if (options.json) sayJson(terminal, { restarted });
    else say(terminal, paint(tree.ready ? "good" : "warn", `Restarted ${restarted.join(", ")}.`));
    return EXIT.ok;
  } finally {
    steps.close();
    admin.close();
  }
}
