/** The end of a program that a test has started: as if its machine were lost, without a farewell to anybody. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Once it is gone; one that has ended by itself, or was never started, is left alone. */
export async function killed(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
