/** `supervisor index rebuild`: the index is taken away and built again from the node's blocks, while all else goes on. */
import { indexerContract } from "../../bus/contracts/indexer.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { hasCode } from "../../runtime/errors.ts";
import { AdminClient } from "../../supervisor/admin/client.ts";
import {
  type IndexPlace,
  indexPlaceOf,
  keptIndexOf,
  orderRebuild,
} from "../../supervisor/plan/index-place.ts";
import { findDataPaths } from "../../supervisor/plan/settings.ts";
import { EXIT, misuse } from "../errors.ts";
import { operatorBus } from "../operator-access.ts";
import { isPassing } from "../patience.ts";
import {
  commandName,
  type PlaceOptions,
  paintOf,
  requestOf,
  retyped,
  say,
  sayJson,
  type Terminal,
} from "../terminal-io.ts";
import { StepsView } from "../view/steps-view.ts";
import { duration, size } from "../view/terminal.ts";
import { ProgressView } from "./progress-view.ts";

export interface RebuildOptions extends PlaceOptions {
  readonly yes?: boolean;
  readonly keep?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

const RESTART_DEADLINE_MS = 300_000;
const TREE_DEADLINE_MS = 10_000;
const LOOK_MS = 500;
const number = (value: number) => value.toLocaleString("en");

export async function indexRebuild(options: RebuildOptions, terminal: Terminal): Promise<number> {
  const paths = findDataPaths(requestOf(options, terminal));
  const place = indexPlaceOf(paths);
  const admin = await adminAt(paths.socket);
  try {
    if (admin !== undefined) await checkRunsHere(admin);
    else if (place.sizeBytes === undefined) {
      throw misuse(`There is no index in ${place.directory}, and no supervisor runs: nothing to build anew.`);
    }
    if (!(await isConfirmed(place, options, terminal))) {
      say(terminal, "Nothing was changed.");
      return EXIT.failed;
    }
    orderRebuild(place, options.keep ?? false);
    if (admin === undefined) {
      if (options.json) sayJson(terminal, { isOrdered: true, isRunning: false });
      else say(terminal, "No supervisor runs here: the index is built anew at the next start.");
      return EXIT.ok;
    }
    await restartIndexer(admin, options, terminal);
  } finally {
    admin?.close();
  }
  const kept = options.keep ? keptIndexOf(place) : undefined;
  if (kept !== undefined && !options.json) {
    say(terminal, `The old index is in ${kept}: remove it when you have no use for it.`);
  }
  if (options.wait === false) {
    if (options.json) sayJson(terminal, { isOrdered: true, isRunning: true, kept });
    else say(terminal, `The index is being built. See it with: ${statusCommand(options, terminal)}`);
    return EXIT.ok;
  }
  return await watch(kept, options, terminal);
}

/** Nothing when no supervisor runs: then the next one obeys. */
async function adminAt(socket: string): Promise<AdminClient | undefined> {
  try {
    return await AdminClient.connect(socket);
  } catch (error) {
    if (hasCode(error, "SUPERVISOR_NOT_RUNNING")) return undefined;
    throw error;
  }
}

/** The running supervisor knows: its configuration may have been another one than ours. */
async function checkRunsHere(admin: AdminClient): Promise<void> {
  const { host, root } = await admin.call("tree", {}, { deadlineMs: TREE_DEADLINE_MS });
  const find = (child: ChildStatus): ChildStatus | undefined =>
    child.id === "indexer" ? child : child.children.map(find).find((found) => found !== undefined);
  const state = find(root)?.state ?? "off";
  if (state === "elsewhere" || state === "off") {
    throw misuse(`The indexer does not run on this host (${host}): it is ${state}. Type this where it runs.`);
  }
}

async function isConfirmed(
  { sizeBytes, directory }: IndexPlace,
  { yes, keep, json }: RebuildOptions,
  terminal: Terminal,
): Promise<boolean> {
  if (yes) return true;
  if (json || !terminal.stdin.isTTY || !terminal.stdout.isTTY) {
    throw misuse("This takes the index away; add --yes where nobody can be asked.");
  }
  const what = sizeBytes === undefined ? "The index" : `The index of ${size(sizeBytes)} in ${directory}`;
  say(terminal, `${what} is ${keep ? "moved aside" : "removed"} and built again from the node's blocks.`);
  say(terminal, "Until it is level again, wallets hear only of the blocks that it has by then.");
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: "Build it anew?", initialValue: false });
  return !isCancel(answer) && answer;
}

async function restartIndexer(
  admin: AdminClient,
  options: RebuildOptions,
  terminal: Terminal,
): Promise<void> {
  const steps = new StepsView(terminal.stdout, paintOf(terminal));
  try {
    await admin.call(
      "restart",
      { child: "indexer" },
      { deadlineMs: RESTART_DEADLINE_MS, onStep: (step) => !options.json && steps.show(step) },
    );
  } finally {
    steps.close();
  }
}

/** Until the index is level with its node; whoever leaves before does it no harm. */
async function watch(kept: string | undefined, options: RebuildOptions, terminal: Terminal): Promise<number> {
  const bus = await operatorBus(requestOf(options, terminal), "supervisor index rebuild");
  const left = new AbortController();
  const leave = () =>
    left.abort(misuse(`The index goes on without you. See it with: ${statusCommand(options, terminal)}`));
  process.once("SIGINT", leave).once("SIGTERM", leave);
  const view = new ProgressView(options.json ? undefined : terminal.stdout, systemClock);
  const beganMs = systemClock.monotonicMs();
  let targetHeight = 0;
  try {
    const client = bus.client(indexerContract);
    const listener = await bus.onState(indexerContract, "sync", (sync) => {
      targetHeight = sync.targetHeight;
    });
    for (;;) {
      // While it is busy with its first blocks, or is started once more, it may be away for a moment.
      const status = await client.status({}).catch((error: unknown) => {
        if (isPassing(error)) return undefined;
        throw error;
      });
      const blocks = (status?.tip?.height ?? -1) + 1;
      if (status?.isSynced) {
        await listener.stop();
        view.close();
        const tookMs = systemClock.monotonicMs() - beganMs;
        const { txCount: transactions } = status;
        if (options.json) {
          const built = { isSynced: true, height: blocks - 1, transactions, tookMs };
          sayJson(terminal, { isOrdered: true, isRunning: true, kept, ...built });
        } else {
          const counts = `${number(blocks)} blocks with ${number(transactions)} transactions`;
          say(terminal, `${paintOf(terminal)("good", "Built anew:")} ${counts}, in ${duration(tookMs)}.`);
        }
        return EXIT.ok;
      }
      if (status !== undefined)
        view.show({ phase: "indexed", done: blocks, total: Math.max(targetHeight + 1, blocks) });
      await sleep(systemClock, LOOK_MS, left.signal);
    }
  } finally {
    view.close();
    process.off("SIGINT", leave).off("SIGTERM", leave);
    await bus.close();
  }
}

function statusCommand(options: PlaceOptions, terminal: Terminal): string {
  return `${commandName(terminal)} index status${retyped(options)}`;
}
