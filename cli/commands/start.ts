/** `supervisor start`: in the foreground, with its progress on the screen, until it is told to stop. */

import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { toWireError } from "../../runtime/errors.ts";
import type { Step } from "../../supervisor/admin/protocol.ts";
import { takeSdNotify } from "../../supervisor/host/sd-notify.ts";
import { sandboxSights, wantsWallets } from "../../supervisor/plan/own-node.ts";
import { preflight } from "../../supervisor/plan/preflight.ts";
import { readSettings, type Settings } from "../../supervisor/plan/settings.ts";
import type { Root } from "../../supervisor/root.ts";
import { run } from "../../supervisor/running.ts";
import { EXIT } from "../errors.ts";
import { nextStepLines, type SandboxWallets } from "../sandbox/next-steps.ts";
import {
  commandName,
  type PlaceOptions,
  paintOf,
  requestOf,
  retyped,
  say,
  sayJson,
  type Terminal,
  widthOf,
} from "../terminal-io.ts";
import { StepsView } from "../view/steps-view.ts";
import { doorLines } from "../view/summary.ts";
import { clip, harmless, type Paint, stepTime } from "../view/terminal.ts";

export interface StartOptions extends PlaceOptions {
  readonly only?: string[];
  readonly json?: boolean;
}

/** What a supervisor in the background tells the command that has started it. */
export type DetachedNews =
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "ready"; readonly tree: Tree; readonly wallets: SandboxWallets | undefined }
  | {
      readonly kind: "failed";
      readonly error: { code: string; message: string; data: Readonly<Record<string, unknown>> };
    };

/** Whom the start tells: a person at the terminal, or the command that waits for a background start. */
interface Audience {
  step(step: Step): void;
  ready(tree: Tree, tookMs: number, wallets: SandboxWallets | undefined): void;
  stopping(): void;
  ended(message: string | undefined): void;
}

export async function start(options: StartOptions, terminal: Terminal): Promise<number> {
  return await runUntilEnd(options, terminal, personAt(terminal, options));
}

/** The background half of `--detach`: told over the IPC channel, which is closed when all is ready. */
export async function startDetached(options: StartOptions, terminal: Terminal): Promise<number> {
  const tell = (news: DetachedNews) => {
    // The waiting command may have been interrupted; the start goes on.
    if (process.connected) process.send?.(news, undefined, undefined, () => {});
  };
  try {
    return await runUntilEnd(options, terminal, {
      step: (step) => tell({ kind: "step", step }),
      ready(tree, _tookMs, wallets) {
        tell({ kind: "ready", tree, wallets });
        if (process.connected) process.disconnect?.();
      },
      stopping() {},
      ended() {},
    });
  } catch (error) {
    tell({ kind: "failed", error: toWireError(error) });
    throw error;
  }
}

async function runUntilEnd(options: StartOptions, terminal: Terminal, audience: Audience): Promise<number> {
  const beganMs = systemClock.monotonicMs();
  const settings = readSettings(requestOf(options, terminal, options.only));
  const bus = await preflight(settings);
  const systemd = takeSdNotify(process.env, (error) =>
    terminal.stderr.write(`systemd-notify: ${error.message}\n`),
  );
  const signals = new Signals();
  try {
    const running = await run({
      settings,
      bus,
      version: terminal.version,
      clock: systemClock,
      onStep(step) {
        audience.step(step);
        if (step.phase === "begin")
          systemd.status(`${step.verb === "start" ? "starting" : "stopping"} ${step.what}`);
      },
      onRoot: (root) =>
        signals.connect(root, () => {
          systemd.stopping("stopping");
          audience.stopping();
        }),
    });
    const { root, ended } = running;
    systemd.ready(`ready on ${settings.network}`);
    // The beat comes from the event loop itself: one that hangs beats no more.
    systemd.watch(systemClock, () => true);
    await settle(() => root.tree().ready || signals.hasStopped);
    const wallets = signals.hasStopped ? undefined : await walletsOf(settings, options, terminal, root);
    audience.ready(root.tree(), systemClock.monotonicMs() - beganMs, wallets);
    const report = await ended;
    audience.ended(report.kind === "bye" ? undefined : report.message);
    if (report.kind === "bye") return EXIT.ok;
    return report.code === "SUPERVISOR_LIMIT" ? EXIT.gaveUp : EXIT.failed;
  } catch (error) {
    // Told to stop while it was starting, and it has.
    if (signals.hasStopped) {
      audience.ended(undefined);
      return EXIT.ok;
    }
    throw error;
  } finally {
    signals.disconnect();
    systemd.close();
    await systemd.settled();
  }
}

/** A sandbox without its wallets is a sandbox all the same. */
async function walletsOf(
  settings: Settings,
  options: StartOptions,
  terminal: Terminal,
  root: Pick<Root, "tree" | "onStep">,
): Promise<SandboxWallets | undefined> {
  if (!wantsWallets(settings.config, settings.actors)) return undefined;
  const { openSandboxWallets } = await import("../sandbox/sandbox-wallets.ts");
  const sights = sandboxSights(settings.config);
  const open = () => openSandboxWallets(requestOf(options, terminal), root.tree());
  try {
    await open();
    // A walletd that has begun anew has them locked; nobody types a password for a sandbox.
    root.onStep(({ what, verb, phase }) => {
      if (what !== "walletd" || verb !== "start" || phase !== "done") return;
      open().catch((error) =>
        terminal.stderr.write(`the sandbox's wallets stay locked: ${toWireError(error).message}\n`),
      );
    });
    return { ...sights, failure: undefined };
  } catch (error) {
    return { ...sights, failure: toWireError(error).message };
  }
}

/** A sandbox's index is level with its chain in a moment, a real one's in hours: this is how long the summary waits for it. */
const SETTLE_MS = 3_000;
const SETTLE_POLL_MS = 50;

async function settle(isSettled: () => boolean): Promise<void> {
  const endMs = systemClock.monotonicMs() + SETTLE_MS;
  while (!isSettled() && systemClock.monotonicMs() < endMs) await sleep(systemClock, SETTLE_POLL_MS);
}

/** npm and npx hand the terminal's Ctrl-C on to us, who have had it already: one press arrives twice, this close together. */
const ECHO_MS = 300;

/** The first signal stops politely, the second at once. */
class Signals {
  hasStopped = false;
  #stoppedMs = 0;
  #listener: (() => void) | undefined;

  connect(root: { stop(why: string): Promise<void>; kill(): void }, onStop: () => void): void {
    this.#listener = () => {
      const nowMs = systemClock.monotonicMs();
      if (this.hasStopped) {
        if (nowMs - this.#stoppedMs > ECHO_MS) root.kill();
        return;
      }
      this.hasStopped = true;
      this.#stoppedMs = nowMs;
      onStop();
      void root.stop("signal");
    };
    process.on("SIGINT", this.#listener).on("SIGTERM", this.#listener).on("SIGHUP", this.#listener);
  }

  disconnect(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    process.off("SIGINT", listener).off("SIGTERM", listener).off("SIGHUP", listener);
  }
}

function personAt(terminal: Terminal, options: StartOptions): Audience {
  const paint = paintOf(terminal);
  const steps = new StepsView(terminal.stdout, paint);
  const isQuiet = options.json === true;
  let isTitled = false;
  return {
    step(step) {
      if (isQuiet) return;
      // Not before something happens: a start that is refused is told in one line.
      if (!isTitled) say(terminal, titleOf(terminal, paint));
      isTitled = true;
      steps.show(step);
    },
    ready(tree, tookMs, wallets) {
      if (isQuiet) return sayJson(terminal, tree);
      steps.close();
      const stop = `Ctrl-C, or ${commandName(terminal)} stop${retyped(options)}`;
      for (const line of summaryLines({ tree, tookMs, wallets, stop }, options, terminal))
        say(terminal, line);
    },
    stopping() {
      if (!isQuiet)
        say(terminal, `\n${paint("warn", "Stopping.")} ${paint("dim", "Ctrl-C again ends it at once.")}`);
    },
    ended(message) {
      if (isQuiet) return;
      steps.close();
      say(terminal, message === undefined ? paint("good", "Stopped.") : paint("bad", message));
    },
  };
}

export function titleOf(terminal: Terminal, paint: ReturnType<typeof paintOf>): string {
  return paint("strong", `troupe ${terminal.version}`);
}

/** What is where now, and what to type next. */
export function summaryLines(
  { tree, tookMs, wallets, stop }: Started,
  options: PlaceOptions,
  terminal: Terminal,
): string[] {
  const paint = paintOf(terminal);
  const place = retyped(options);
  const command = commandName(terminal);
  const row = (label: string, text: string) => `  ${paint("dim", label.padEnd(10))}${text}`;
  const verdict = tree.ready
    ? paint("good", "Ready")
    : paint("warn", "Started, not everything is ready yet,");
  return [
    "",
    `${verdict} in ${stepTime(tookMs)} on ${tree.network}, data in ${tree.dataDirectory}`,
    "",
    ...doorLines(tree, paint, widthOf(terminal)),
    ...waitingLines(tree, paint, widthOf(terminal)),
    "",
    ...nextStepLines(wallets, tree, options, terminal, paint),
    row("look", `${command} status${place}`),
    row("logs", `${command} logs -f${place}`),
    row("stop", stop),
  ];
}

interface Started {
  readonly tree: Tree;
  readonly tookMs: number;
  readonly wallets: SandboxWallets | undefined;
  /** How it is ended. */
  readonly stop: string;
}

/** Who keeps the whole from being ready, and what it says of that. */
function waitingLines(tree: Tree, paint: Paint, width: number): string[] {
  const waiting = criticalOf(tree.root).filter(({ state }) => !["ready", "off", "elsewhere"].includes(state));
  const lines = waiting.map(({ id, state, progress }) =>
    clip(`  ${id} is ${state}${progress === undefined ? "" : `: ${harmless(progress)}`}`, width),
  );
  return lines.length === 0 ? [] : ["", ...lines.map((line) => paint("warn", line))];
}

function criticalOf({ children }: ChildStatus): ChildStatus[] {
  return children.flatMap((child) => [...(child.critical ? [child] : []), ...criticalOf(child)]);
}
