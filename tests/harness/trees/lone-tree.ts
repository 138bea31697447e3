/** A supervisor in a process of its own, to be killed by a test: prints the pids of its children, then waits. */
import { systemClock } from "../../../runtime/clock.ts";
import { processLaunch } from "../../../supervisor/places/process.ts";
import { Stage } from "../../../supervisor/places/stage.ts";
import type { BareBoot } from "../actors/bare.ts";
import { builtUrl } from "../built.ts";
import { childSpec, TestTree } from "./tree.ts";

const startTimeoutMs = 20_000;
const entry = builtUrl("tests/harness/actors/bare.js");
const clock = systemClock;
const plan = (id: string, boot: BareBoot) => ({ id, entry, boot: () => boot, startTimeoutMs, clock });

const stage = new Stage({ name: "stage", clock, startTimeoutMs });
const never = { warnMs: 600_000, deadMs: 600_000 };
const tree = await TestTree.start([
  childSpec("stage", stage.launch, { kind: "stage", heartbeat: never }),
  childSpec("thread", stage.thread(plan("thread", { breaks: "loop" })), { host: stage, heartbeat: never }),
  childSpec("looping", processLaunch(plan("looping", { breaks: "loop" })), { heartbeat: never }),
  childSpec("idle", processLaunch(plan("idle", { breaks: "throw" }))),
]);
// Both spin with their event loops stopped, so that no closed channel is seen by them.
await tree.life("thread").suspend();
await tree.life("looping").suspend();
setTimeout(() => {
  const pids = ["stage", "looping", "idle"].map((id) => tree.status(id).pid);
  process.stdout.write(`${JSON.stringify(pids)}\n`);
}, 500);
