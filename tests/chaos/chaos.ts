/** The chaos command: kills members of a troupe of dummies at random under load, and checks that nothing acknowledged is lost and nothing runs twice. */
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DummyTree } from "../harness/trees/dummy-tree.ts";
import { readJournal } from "../harness/trees/journal.ts";
import { isAlive } from "../harness/trees/tree.ts";
import { drawKill, killAndWait, type Place } from "./kills.ts";
import { Load, type LoadReport } from "./load.ts";

const STAGED = ["t1", "t2"];
const HERE = ["t3"];
const PROCESSES = ["p1", "p2"];
const CALLERS = 6;
/** From death to ready. */
const TARGET_MS = { thread: 2_000, process: 3_000 } as const;
const PROGRESS_EVERY = 100;
/** Members die all the time here; the product's back-off would measure itself. */
const BACKOFF = Object.freeze({ firstMs: 10, maxMs: 20, healthyMs: 60_000, consecutiveMax: 1_000_000 });

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "300" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    json: { type: "boolean", default: false },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write("usage: chaos [--kills N] [--seed S] [--json]\n");
  process.exit(2);
}

/** mulberry32: small, and the same on every machine. */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function quantiles(times: readonly number[]): { count: number; p50: number; p99: number; max: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Acknowledged but not in the member's journal; and keys that stand in a journal more than once. */
function judge(troupe: DummyTree, { acknowledged }: LoadReport): { lost: number; twice: number } {
  let lost = 0;
  let twice = 0;
  const written = new Map<string, Set<string>>();
  for (const id of troupe.ids) {
    const path = troupe.journal(id);
    const { records } = existsSync(path) ? readJournal(path) : { records: [] };
    const keys = new Set(records.map((record) => record.key));
    twice += records.length - keys.size;
    written.set(id, keys);
  }
  for (const [key, id] of acknowledged) if (written.get(id)?.has(key) !== true) lost++;
  return { lost, twice };
}

/** Of all processes ever seen, those that still run our entries. A number may have been given to somebody else since. */
function orphans(pids: ReadonlySet<number>): number[] {
  return [...pids].filter((pid) => {
    if (pid === process.pid || !isAlive(pid)) return false;
    try {
      return /dummy-worker\.js|stage-host\.js/.test(readFileSync(`/proc/${pid}/cmdline`, "latin1"));
    } catch {
      // It has ended between the two looks.
      return false;
    }
  });
}

const startedMs = performance.now();
const random = randomFrom(seed);
const troupe = await DummyTree.grow({
  bus: "embedded",
  threads: HERE,
  staged: STAGED,
  processes: PROCESSES,
  backoff: BACKOFF,
});
const load = new Load(troupe, randomFrom(seed + 1), CALLERS);
const times: Record<Place, number[]> = { thread: [], process: [], stage: [], bus: [] };
const byKind: Record<string, number> = {};
const pids = new Set<number>();

for (let kill = 1; kill <= kills; kill++) {
  for (const { pid } of troupe.tree.supervisor.statuses()) if (pid !== undefined) pids.add(pid);
  const drawn = drawKill(random, { threads: [...HERE, ...STAGED], processes: PROCESSES });
  times[drawn.place].push(await killAndWait(troupe, drawn));
  const kind = `${drawn.place}_${drawn.means}`;
  byKind[kind] = (byKind[kind] ?? 0) + 1;
  if (!values.json && kill % PROGRESS_EVERY === 0) process.stdout.write(`${kill} of ${kills} kills\n`);
}
for (const { pid } of troupe.tree.supervisor.statuses()) if (pid !== undefined) pids.add(pid);

const loaded = await load.stop();
await troupe.stop();
const { lost, twice } = judge(troupe, loaded);
const left = orphans(pids);
troupe.remove();

const recoveryMs = Object.fromEntries(Object.entries(times).map(([place, list]) => [place, quantiles(list)]));
const withinTargets =
  Math.max(0, ...times.thread) < TARGET_MS.thread && Math.max(0, ...times.process) < TARGET_MS.process;
const passed = lost === 0 && twice === 0 && loaded.pending === 0 && left.length === 0;
const report = {
  kills,
  seed,
  byKind,
  calls: loaded.calls,
  retries: loaded.retries,
  keyedAcknowledged: loaded.acknowledged.size,
  lost,
  twice,
  pending: loaded.pending,
  orphans: left.length,
  recoveryMs,
  targetMs: TARGET_MS,
  withinTargets,
  passed,
  seconds: Math.round((performance.now() - startedMs) / 1_000),
  rssMib: Math.round(process.memoryUsage.rss() / 1024 / 1024),
};
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`);
process.exitCode = passed ? 0 : 1;
