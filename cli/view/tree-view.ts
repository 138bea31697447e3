/** The tree of children as lines for a terminal of a given width. Pure: a tree and a moment in, lines out. */
import type { ChildState, ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { clip, duration, fit, harmless, type Ink, type Paint, size, wrap } from "./terminal.ts";

export interface ViewOptions {
  readonly width: number;
  readonly paint: Paint;
  readonly nowMs: number;
}

const STATE_INKS: Readonly<Record<ChildState, Ink>> = Object.freeze({
  starting: "busy",
  syncing: "busy",
  ready: "good",
  degraded: "warn",
  suspended: "warn",
  unresponsive: "bad",
  stopping: "warn",
  stopped: "dim",
  backoff: "warn",
  parked: "bad",
  elsewhere: "dim",
  off: "dim",
});

interface Column {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  /** The columns with the lowest numbers stay when the terminal is narrow. */
  readonly rank: number;
  readonly value: (child: ChildStatus) => string;
  readonly ink: (child: ChildStatus) => Ink;
}

const plain = () => "plain" as const;
const dim = () => "dim" as const;

const COLUMNS: readonly Column[] = [
  {
    title: "STATE",
    width: 12,
    align: "left",
    rank: 0,
    value: stateText,
    ink: (child) => STATE_INKS[child.state],
  },
  { title: "UP", width: 7, align: "right", rank: 1, value: (child) => upText(child), ink: plain },
  {
    title: "RESTARTS",
    width: 8,
    align: "right",
    rank: 2,
    value: (child) => String(child.restarts),
    ink: (child) => (child.restarts > 0 ? "warn" : "dim"),
  },
  {
    title: "P99",
    width: 7,
    align: "right",
    rank: 4,
    value: (child) => (child.eventLoopP99Ms === undefined ? "" : `${Math.round(child.eventLoopP99Ms)} ms`),
    // An event loop that stands still longer is felt by whoever waits for the actor.
    ink: (child) => ((child.eventLoopP99Ms ?? 0) > 200 ? "warn" : "plain"),
  },
  {
    title: "HEAP",
    width: 7,
    align: "right",
    rank: 5,
    value: (child) => (child.heapBytes === undefined ? "" : size(child.heapBytes)),
    ink: plain,
  },
  {
    title: "WHERE",
    width: 24,
    align: "left",
    rank: 3,
    value: (child) => harmless(child.placement),
    ink: dim,
  },
];
const GAP = "  ";

/** The whole picture: a head of three lines, a table with one line a child, and below each what it has to say. */
export function renderTree(tree: Tree, options: ViewOptions): string[] {
  const { width, paint, nowMs } = options;
  const rows = flatten(tree.root, "", "", 0);
  const nameWidth = Math.max(5, ...rows.map((row) => [...row.branch].length + row.child.id.length));
  const columns = columnsFor(width - Math.min(nameWidth, 32));
  const shownNameWidth = Math.min(nameWidth, 32);
  const lines = [...head(tree, options), ""];
  const titles = columns.map((column) => fit(column.title, column.width, column.align));
  lines.push(paint("dim", clip([fit("ACTOR", shownNameWidth), ...titles].join(GAP).trimEnd(), width)));
  for (const row of rows) {
    const cells = columns.map((column) =>
      paint(column.ink(row.child), fit(column.value(row.child), column.width, column.align)),
    );
    const name = fit(`${row.branch}${harmless(row.child.id)}`, shownNameWidth);
    lines.push([name, ...cells].join(GAP).trimEnd());
    for (const remark of remarks(row.child, nowMs)) {
      for (const text of shortened(remark.text, width - row.stem.length))
        lines.push(`${row.stem}${paint(remark.ink, text)}`);
    }
  }
  return lines;
}

function head(tree: Tree, { width, paint, nowMs }: ViewOptions): string[] {
  const up = duration(nowMs - Date.parse(tree.startedAt));
  const title = `troupe ${harmless(tree.version)} · ${harmless(tree.network)} · ${harmless(tree.host)} · process ${tree.pid} · up ${up}`;
  const verdict = tree.ready ? "ready" : "not ready";
  const bus = `${harmless(tree.bus.mode)} ${harmless(tree.bus.address)}`;
  return [
    `${paint("strong", clip(title, width - verdict.length - 3))} · ${paint(tree.ready ? "good" : "warn", verdict)}`,
    `${paint("dim", "bus ")} ${clip(bus, width - 12)} ${tree.bus.up ? paint("good", "up") : paint("bad", "down")}`,
    `${paint("dim", "data")} ${clip(harmless(tree.dataDirectory), width - 5)}`,
  ];
}

interface Row {
  readonly child: ChildStatus;
  /** What is drawn before the name: `│  └─ `. */
  readonly branch: string;
  /** What is drawn before its remarks: the branches that go on. */
  readonly stem: string;
}

function flatten(child: ChildStatus, branch: string, stem: string, depth: number): Row[] {
  const below = child.children.length > 0 ? `${stem}│ ` : `${stem}  `;
  const rows: Row[] = [{ child, branch, stem: below }];
  for (const [index, next] of child.children.entries()) {
    const isLast = index === child.children.length - 1;
    rows.push(
      ...flatten(next, `${stem}${isLast ? "└─ " : "├─ "}`, `${stem}${isLast ? "   " : "│  "}`, depth + 1),
    );
  }
  return rows;
}

function remarks(child: ChildStatus, nowMs: number): { ink: Ink; text: string }[] {
  const found: { ink: Ink; text: string }[] = [];
  if (child.progress !== undefined) found.push({ ink: "busy", text: harmless(child.progress) });
  for (const door of child.doors) {
    const doc = door.doc === undefined ? "" : `  ${door.doc}`;
    found.push({ ink: "plain", text: harmless(`${door.address}${doc}`) });
  }
  if (child.lastError !== undefined) {
    const { at, code, message } = child.lastError;
    const ago = duration(nowMs - Date.parse(at));
    // The message may carry the code in front already.
    const text = message.startsWith(code) ? message : `${code}: ${message}`;
    found.push({ ink: isWell(child) ? "dim" : "bad", text: harmless(`${ago} ago: ${text}`) });
  }
  return found;
}

/** A sentence goes on below; what is a page long does not. */
function shortened(text: string, room: number): string[] {
  if (text.length <= room) return [text];
  const lines = wrap(text, room).map((line) => clip(line, room));
  const rest = lines.slice(REMARK_LINES_MAX - 1).join(" ");
  return lines.length <= REMARK_LINES_MAX
    ? lines
    : [...lines.slice(0, REMARK_LINES_MAX - 1), clip(rest, room)];
}

const REMARK_LINES_MAX = 3;

function isWell(child: ChildStatus): boolean {
  return child.state === "ready" || child.state === "syncing";
}

function stateText(child: ChildStatus): string {
  if (child.nextRestartInMs === undefined) return child.state;
  return `${child.state} ${duration(child.nextRestartInMs)}`;
}

function upText(child: ChildStatus): string {
  return child.uptimeMs === undefined ? "" : duration(child.uptimeMs);
}

/** As many columns as fit, the important ones first, shown in their usual order; what is left over goes to the last one. */
function columnsFor(room: number): Column[] {
  const chosen = new Set<Column>();
  let left = room;
  for (const column of [...COLUMNS].sort((a, b) => a.rank - b.rank)) {
    if (column.width + GAP.length > left) continue;
    chosen.add(column);
    left -= column.width + GAP.length;
  }
  const shown = COLUMNS.filter((column) => chosen.has(column));
  return shown.map((column, index) =>
    index === shown.length - 1 && column.align === "left"
      ? { ...column, width: column.width + left }
      : column,
  );
}
