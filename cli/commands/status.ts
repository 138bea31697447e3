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
import { liveScreen } from "../view/live-screen.ts";
import { clip } from "../view/terminal.ts";
import { renderTree } from "../view/tree-view.ts";

const CALL_DEADLINE_MS = 5_000;
const REDRAW_MS = 1_000;

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

/** Leaves the last picture on the screen, also when the supervisor ended. */
async function live(look: () => Promise<Tree>, terminal: Terminal): Promise<void> {
  let tree: Tree | undefined;
  try {
    await liveScreen(terminal, {
      everyMs: REDRAW_MS,
      refresh: async () => {
        tree = await look();
      },
      lines: () => (tree === undefined ? [] : frame(tree, terminal)),
    });
  } finally {
    if (tree !== undefined) for (const line of picture(tree, terminal)) say(terminal, line);
  }
}

function frame(tree: Tree, terminal: Terminal): string[] {
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
  return [...shown, "", foot];
}
