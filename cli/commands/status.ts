/** `supervisor status`: the tree once, as JSON, or live on a terminal. */
import type { Tree } from "../../bus/contracts/supervisor.ts";
import { systemClock } from "../../runtime/clock.ts";
import { AdminClient } from "../../supervisor/admin/client.ts";
import { findDataPaths } from "../../supervisor/plan/settings.ts";
import { EXIT } from "../errors.ts";
import {
  type PlaceOptions,
  paintOf,
  requestOf,
  say,
  sayJson,
  type Terminal,
  widthOf,
} from "../terminal-io.ts";
import { clip } from "../view/terminal.ts";
import { renderTree } from "../view/tree-view.ts";

const CALL_DEADLINE_MS = 5_000;
const REDRAW_MS = 1_000;
/** The alternate screen without a cursor, and back. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

export async function status(
  options: PlaceOptions & { once?: boolean; json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const admin = await AdminClient.connect(findDataPaths(requestOf(options, terminal)).socket);
  const look = () => admin.call("tree", {}, { deadlineMs: CALL_DEADLINE_MS });
  try {
    if (options.json) sayJson(terminal, await look());
    else if (options.once || !terminal.stdout.isTTY || !terminal.stdin.isTTY) {
      for (const line of picture(await look(), terminal)) say(terminal, line);
    } else await live(look, terminal);
    return EXIT.ok;
  } finally {
    admin.close();
  }
}

function picture(tree: Tree, terminal: Terminal): string[] {
  return renderTree(tree, { width: widthOf(terminal), paint: paintOf(terminal), nowMs: systemClock.now() });
}

/** Redraws until `q`, Ctrl-C, or the end of the supervisor, and leaves the last picture on the screen. */
async function live(look: () => Promise<Tree>, terminal: Terminal): Promise<void> {
  const { stdin, stdout } = terminal;
  const left = new AbortController();
  const onKey = (key: Buffer) => {
    if (["q", "Q", "\u0003", "\u001b", "\u0004"].includes(key.toString())) left.abort();
  };
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on("data", onKey);
  stdout.write(ENTER);
  let tree: Tree | undefined;
  const draw = () => tree !== undefined && stdout.write(frame(tree, terminal));
  stdout.on("resize", draw);
  try {
    while (!left.signal.aborted) {
      tree = await look();
      draw();
      await pause(REDRAW_MS, left.signal);
    }
  } finally {
    stdout.off("resize", draw);
    stdin.off("data", onKey);
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write(LEAVE);
    if (tree !== undefined) for (const line of picture(tree, terminal)) say(terminal, line);
  }
}

/** Line by line over the old picture: clearing the whole screen first would flicker. */
function frame(tree: Tree, terminal: Terminal): string {
  const paint = paintOf(terminal);
  const rows = Math.max(3, terminal.stdout.rows ?? 24);
  const lines = picture(tree, terminal);
  const shown =
    lines.length > rows - 2
      ? [...lines.slice(0, rows - 3), paint("dim", `… ${lines.length - rows + 3} more lines`)]
      : lines;
  const foot = paint(
    "dim",
    clip(`${new Date().toLocaleTimeString("en-GB")}   q leaves; the troupe goes on`, widthOf(terminal)),
  );
  return `${HOME}${[...shown, "", foot].map((line) => `${line}${CLEAR_LINE}`).join("\r\n")}${CLEAR_BELOW}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.after(ms, resolve);
    signal.addEventListener(
      "abort",
      () => {
        timer.cancel();
        resolve();
      },
      { once: true },
    );
  });
}
