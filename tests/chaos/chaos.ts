/** The chaos command: kills members of a troupe of dummies at random under load, and checks that nothing acknowledged is lost and nothing runs twice. */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { readOptions, refuse } from "../../bench/command/options.ts";
import { DummyTree } from "../harness/trees/dummy-tree.ts";
import { readJournal } from "../harness/trees/journal.ts";
import { isAlive, until } from "../harness/trees/tree.ts";
import { drawBlow, type Means, type Member, type Place, strike } from "./kills.ts";
import { Load, type LoadReport } from "./load.ts";
import { Progress } from "./progress.ts";
import { type Recovery, Vigil } from "./vigil.ts";

const STAGED = ["t1", "t2"];
const HERE = ["t3", "t4"];
const PROCESSES = ["p1", "p2", "p3"];
const MEMBERS: readonly Member[] = [
  ...STAGED.map((id) => ({ id, place: "thread", stage: "stage" }) as const),
  ...HERE.map((id) => ({ id, place: "thread" }) as const),
  ...PROCESSES.map((id) => ({ id, place: "process" }) as const),
  { id: "stage", place: "stage" },
  { id: "bus", place: "bus" },
];
/** So many are down by our hand at any time; what falls with a stage comes on top. */
const AT_ONCE = 3;
const CALLERS = 16;
/** From death to ready. */
const TARGET_MS = { thread: 2_000, process: 3_000 } as const;
/** Members die all the time here; the product's back-off would measure itself. */
const BACKOFF = Object.freeze({ firstMs: 10, maxMs: 20, healthyMs: 60_000, consecutiveMax: 1_000_000 });
/** Nobody is given up before this. */
const BACK_MS = 120_000;

const HELP = `Usage: npm run chaos -- [--kills 300] [--seed N] [--json]

  --kills 300   so many members of a troupe of dummies are killed at random moments under load
  --seed N      who is killed when, and how; printed with the report
  --json        the report in one line

\`npm run chaos -- coinjoin --help\` tells of the other: any actor of a sandbox dies in the midst of a coinjoin.
`;

const values = readOptions(HELP, {
  kills: { type: "string", default: "300" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  json: { type: "boolean" },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed)) {
  refuse("chaos: --kills is a whole number above 0, --seed a whole number", HELP);
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
const { tree } = troupe;
const load = new Load(troupe, randomFrom(seed + 1), CALLERS);
const vigil = new Vigil(MEMBERS);
tree.onReport = (report) => {
  vigil.heard(report);
  notePids();
};
const progress = new Progress(kills, "kills", (line) => process.stderr.write(`${line}\n`));
const byKind: Record<string, number> = {};
const pids = new Set<number>();
let dealt = 0;

function notePids(): void {
  for (const life of tree.lives.values()) if (life.pid !== undefined) pids.add(life.pid);
}

/** One hand: strikes somebody that stands, waits until it is back, strikes again. The hands do not wait for each other. */
async function hand(): Promise<void> {
  while (dealt < kills) {
    dealt++;
    const { place, means } = drawBlow(random);
    const { member, back } = await claim(place, means);
    await strike(troupe, { member, means });
    await inTime(back, `${member.id} is back after ${means}`);
    const kind = `${place}_${means}`;
    byKind[kind] = (byKind[kind] ?? 0) + 1;
    progress.step();
  }
}

/** One of those that stand, as soon as there is one; no other hand gets it. The bus stands when it is in use again. */
async function claim(place: Place, means: Means): Promise<{ member: Member; back: Promise<void> }> {
  for (;;) {
    if (place === "bus") await until("the driver is connected", () => troupe.driver.isUp);
    const standing = vigil.standing(place);
    if (standing.length > 0) {
      const member = standing[Math.floor(random() * standing.length)] as Member;
      return { member, back: vigil.struck({ member, means }) };
    }
    await inTime(vigil.change(), `a ${place} stands`);
  }
}

/** Nobody who waits here waits for ever: who does not come back is told, and the run has failed. */
async function inTime(wait: Promise<void>, what: string): Promise<void> {
  const deadline = new AbortController();
  const late = pause(BACK_MS, "late" as const, { signal: deadline.signal, ref: false }).catch(() => {});
  const outcome = await Promise.race([wait, late]);
  deadline.abort();
  if (outcome === "late") {
    throw new Error(`waited in vain until ${what}\n${JSON.stringify(tree.supervisor.statuses(), null, 1)}`);
  }
}

notePids();
progress.start();
await Promise.all(Array.from({ length: AT_ONCE }, hand));
progress.stop();
while (!vigil.isQuiet) await inTime(vigil.change(), "all are back");
await until("the driver is connected", () => troupe.driver.isUp);

const loaded = await load.stop();
await troupe.stop();
const { lost, twice } = judge(troupe, loaded);
const left = orphans(pids);
troupe.remove();

const timesOf = (isMeant: (recovery: Recovery) => boolean) =>
  quantiles(vigil.recoveries.filter(isMeant).map(({ ms }) => ms));
const isAlone = ({ lostStage, lostBus }: Recovery) => !lostStage && !lostBus;
const places: readonly Place[] = ["thread", "process", "stage", "bus"];
/** Of the members alone: what they waited for besides themselves is told apart, and not hidden. */
const recoveryMs = {
  ...Object.fromEntries(
    places.map((place) => [place, timesOf((one) => one.place === place && isAlone(one))]),
  ),
  threadThatLostItsStage: timesOf((one) => one.lostStage && !one.lostBus),
  whileTheBusWasDown: timesOf((one) => one.lostBus),
};
const isLate = ({ place, ms }: Recovery) =>
  (place === "thread" && ms >= TARGET_MS.thread) || (place === "process" && ms >= TARGET_MS.process);
const late = vigil.recoveries.filter(isLate);
const lateAlone = late.filter(isAlone).length;
const withinTargets = lateAlone === 0;
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
  late: { alone: lateAlone, withStageOrBus: late.length - lateAlone },
  deaths: vigil.recoveries.length,
  unaskedDeaths: vigil.unasked,
  failedStarts: vigil.failedStarts,
  passed,
  seconds: Math.round((performance.now() - startedMs) / 1_000),
  rssMib: Math.round(process.memoryUsage.rss() / 1024 / 1024),
};
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`);
process.exitCode = passed ? 0 : 1;
