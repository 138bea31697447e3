/** Kill rounds: any actor of a sandbox dies in the midst of a coinjoin, which then goes through or is given up cleanly; every satoshi is accounted for. */
import { setTimeout as pause } from "node:timers/promises";
import { readOptions, refuse } from "../../bench/command/options.ts";
import type { CoinjoinRun } from "../../bus/contracts/taker.ts";
import { CoinjoinBox } from "../harness/coinjoin/coinjoin-box.ts";
import { keptReservations } from "../harness/coinjoin/kept-reservations.ts";
import { Chance } from "../harness/electrum/hostile-input.ts";
import { Progress } from "./progress.ts";

const HELP = `Usage: npm run chaos -- coinjoin [--rounds 500] [--seed N] [--json]

  --rounds 500   coinjoins in the sandbox, in each of which an actor is killed at a random moment
  --seed N       who is killed when; printed first
  --json         the report in one line
`;

/** Each in a process of its own, so that it can die alone; together they are what a stage takes with it. */
const STAGED = ["mempool", "directory", "maker", "taker", "gateway"] as const;
const VICTIMS = [...STAGED, "walletd", "indexer", "node", "stage"] as const;
type Victim = (typeof VICTIMS)[number];

const MAKERS = 4;
const MAKERS_WANTED = 2;
const FEE_SAT = 1_000;
const AMOUNT_SAT = { least: 5_000_000, more: 10_000_000 };
const BLOCKS = 3;
/** Nobody is waited for longer. */
const WITHIN_MS = 180_000;
const MOMENT_MS = 2_500;
/** Those in which something is under way; some last only milliseconds, and are waited for. */
const PHASES = ["orderbook", "reserve", "fill", "sign", "send"] as const;
const LIMIT_MS = 24 * 3_600_000;
const COIN_SAT = 60_000_000;
const HISTORY_MAX = 1_000;
const RESEND_LOOK_MS = 1_000;
const POLL_MS = 5;
/** The books are made up so often. */
const WHOLE_EVERY = 20;

const values = readOptions(HELP, {
  rounds: { type: "string", default: "500" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  json: { type: "boolean" },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
if (!Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(seed)) {
  refuse("chaos coinjoin: --rounds is a whole number above 0, --seed a whole number", HELP);
}

interface Round {
  readonly victim: Victim;
  /** In which phase the coinjoin was seen before the blow. */
  readonly phase: string;
  readonly end: string;
  readonly isRetried: boolean;
}

const startedMs = performance.now();
const chance = new Chance(seed);
process.stderr.write(`seed ${seed}\n`);
const box = await CoinjoinBox.start({
  makers: MAKERS,
  feeSat: FEE_SAT,
  processes: STAGED,
  takerCoins: Array.from({ length: 3 }, () => Array.from({ length: 12 }, () => COIN_SAT)),
  makerCoins: Array.from({ length: 3 }, () => Array.from({ length: 6 }, () => COIN_SAT)),
  limitMs: LIMIT_MS,
  settings: {
    "maker.fee_factor": "0",
    "maker.step_timeout_s": "30",
    "taker.maker_timeout_seconds": "20",
    "taker.sign_timeout_seconds": "20",
  },
});
const violations: string[] = [];
const done: Round[] = [];
const sent = new Map<string, CoinjoinRun>();
const before = await balances();
const progress = new Progress(rounds, "rounds", (line) => process.stderr.write(`${line}\n`));
progress.start();
let held: Awaited<ReturnType<typeof keptReservations>> = [];
try {
  for (let number = 0; number < rounds; number++) {
    done.push(await round(number));
    await settled();
    if (number % WHOLE_EVERY === WHOLE_EVERY - 1) await whole();
    progress.step();
    if (violations.length > 0) break;
  }
  await whole();
  await box.stop();
  held = await keptReservations(
    box.home.data,
    box.wallets.map(({ wallet }) => wallet),
  );
  for (const { wallet, isSigned, lastsMs } of held) {
    if (!isSigned) violations.push(`${wallet} keeps coins aside that were signed for nobody`);
    if (lastsMs > 3_600_000) violations.push(`${wallet} keeps coins aside for more than an hour`);
  }
} catch (error) {
  violations.push(String(error));
} finally {
  progress.stop();
  await box.close();
}

const count = (key: "victim" | "phase" | "end") => {
  const counts: Record<string, number> = {};
  for (const one of done) counts[one[key]] = (counts[one[key]] ?? 0) + 1;
  return counts;
};
const report = {
  rounds: done.length,
  seed,
  victims: count("victim"),
  phases: count("phase"),
  ends: count("end"),
  retried: done.filter(({ isRetried }) => isRetried).length,
  onChain: sent.size,
  heldForSigned: held.length,
  violations,
  passed: violations.length === 0 && done.length === rounds,
  seconds: Math.round((performance.now() - startedMs) / 1_000),
};
process.stdout.write(`${JSON.stringify(report, undefined, values.json ? 0 : 2)}\n`);
process.exitCode = report.passed ? 0 : 1;

async function round(number: number): Promise<Round> {
  const victim = chance.one(VICTIMS);
  const afterMs = chance.below(MOMENT_MS);
  const awaited = chance.below(3) === 0 ? undefined : chance.one(PHASES);
  const wish = {
    makers: MAKERS_WANTED,
    makersMin: MAKERS_WANTED,
    amountSat: AMOUNT_SAT.least + chance.below(AMOUNT_SAT.more),
    mixdepth: chance.below(3),
  };
  const begun = attempt(wish);
  const phase =
    awaited === undefined
      ? await pause(afterMs).then(() => phaseOf(begun.id()))
      : await reached(begun, awaited);
  const killed = await kill(victim);
  const end = await begun.end;
  await upAgain(killed);
  let isRetried = false;
  if (end !== "done") {
    isRetried = true;
    const again = await inTime(`round ${number}: the coinjoin after ${victim} died`, () => attempt(wish).end);
    if (again !== "done")
      violations.push(
        `round ${number}: after ${victim} (${phase}: ${end}) a second coinjoin ended with ${again}`,
      );
  }
  // Its mempool dies with it: what is on the network must be there again without anybody asking.
  if (victim === "node") await upAgain(await kill(victim));
  return { victim, phase, end, isRetried };
}

/** What a person does: asks, and looks again when the answer gets lost. */
function attempt(wish: Parameters<CoinjoinBox["begin"]>[0]): {
  id(): string | undefined;
  readonly end: Promise<string>;
} {
  let id: string | undefined;
  const end = async () => {
    try {
      id = await box.begin(wish);
    } catch (error) {
      return `not begun: ${(error as { code?: string }).code ?? String(error)}`;
    }
    const begun = id;
    return await inTime("a coinjoin to end", async () => {
      const run = await box.taker.run({ id: begun }, { deadlineMs: 5_000 }).catch(() => undefined);
      if (run?.isOver !== true) return undefined;
      if (run.txid !== null) sent.set(run.txid, run);
      return run.failure?.code ?? run.phase;
    });
  };
  return { id: () => id, end: end() };
}

/** Waits until it has come so far, or is over. */
async function reached(begun: ReturnType<typeof attempt>, wanted: (typeof PHASES)[number]): Promise<string> {
  let isOver = false;
  void begun.end.then(() => {
    isOver = true;
  });
  let version = 0;
  while (!isOver) {
    const id = begun.id();
    if (id === undefined) {
      await pause(POLL_MS);
      continue;
    }
    const run = await box.taker.run({ id, newerThan: version }, { deadlineMs: 5_000 }).catch(() => undefined);
    const isThere =
      run !== undefined && (PHASES as readonly string[]).indexOf(run.phase) >= PHASES.indexOf(wanted);
    if (run === undefined || isThere || run.isOver) return run?.phase ?? "unknown";
    version = run.version;
  }
  return "over";
}

async function phaseOf(id: string | undefined): Promise<string> {
  if (id === undefined) return "planning";
  const run = await box.taker.run({ id }, { deadlineMs: 2_000 }).catch(() => undefined);
  return run?.phase ?? "unknown";
}

/** Gives back the processes that are no more. */
async function kill(victim: Victim): Promise<ReadonlyMap<string, number | undefined>> {
  const ids = victim === "stage" ? STAGED : [victim];
  const killed = new Map<string, number | undefined>();
  for (const id of ids) killed.set(id, (await box.child(id)).pid);
  for (const pid of killed.values()) {
    try {
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    } catch (error) {
      // It has died of something else just now.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  return killed;
}

/** All actors stand, the wallets are open again if walletd had to begin anew, and the makers offer by themselves. */
async function upAgain(killed: ReadonlyMap<string, number | undefined>): Promise<void> {
  await inTime("all actors to stand", async () => {
    for (const [id, pid] of killed) {
      const child = await box.child(id);
      // Nobody dies so often but by our hand: what an operator does when an actor was given up.
      if (child.state === "parked") await box.restart(id);
      if (child.pid === pid || child.state !== "ready") return undefined;
    }
    return (await box.tree()).ready ? true : undefined;
  });
  await inTime("the wallets", async () => {
    const { wallets } = await box.walletd.list({});
    const locked = wallets.filter(({ isUnlocked }) => !isUnlocked).map(({ wallet }) => wallet);
    if (box.wallets.some(({ wallet }) => locked.includes(`${wallet}.jmdat`))) await box.unlock();
    return true;
  });
  await inTime("the makers", async () => ((await box.offering()) === MAKERS ? true : undefined));
}

/** Blocks, and every wallet knows them. */
async function settled(): Promise<void> {
  await inTime("a block", async () => {
    await box.mine(BLOCKS);
    return true;
  });
  const height = Number(await box.node("getblockcount"));
  await inTime("the wallets to know the block", async () => {
    const tips = await Promise.all(box.wallets.map((owned) => box.walletd.balances(owned)));
    return tips.every(({ tip }) => tip?.height === height) ? true : undefined;
  });
}

/** All together have less by what the miners got, the makers more by their fees, and the taker paid for both. */
async function whole(): Promise<void> {
  let feesSat = 0;
  let minersSat = 0;
  const confirmed = await confirmedNow();
  for (const [txid, run] of sent) {
    const isThere = confirmed.has(txid);
    if (!isThere) {
      if (run.phase === "done") violations.push(`a coinjoin that was done is in no block: ${txid}`);
      sent.delete(txid);
      continue;
    }
    feesSat += run.makerFeesSat ?? 0;
    minersSat += run.miningFeeSat ?? 0;
  }
  const after = await balances();
  const lost = (owner: "taker" | "makers") => before[owner] - after[owner];
  if (lost("taker") !== feesSat + minersSat) {
    violations.push(`the taker has ${lost("taker")} sat less, and agreed to ${feesSat + minersSat} sat`);
  }
  if (-lost("makers") !== feesSat) {
    violations.push(`the makers have ${-lost("makers")} sat more, and earned ${feesSat} sat`);
  }
}

/** Once all that was done is in blocks. What the node has lost is sent again in its own time, and mined then. */
async function confirmedNow(): Promise<ReadonlySet<string>> {
  const done = [...sent].filter(([, { phase }]) => phase === "done").map(([txid]) => txid);
  let confirmed = new Set<string>();
  await inTime("all coinjoins that were done to be in blocks", async () => {
    const { entries } = await box.walletd.history({ ...box.own, limit: HISTORY_MAX });
    confirmed = new Set(entries.filter(({ height }) => height !== null).map(({ txid }) => txid));
    if (done.every((txid) => confirmed.has(txid))) return true;
    await pause(RESEND_LOOK_MS);
    await settled();
    return undefined;
  }).catch((error) => violations.push(String(error)));
  return confirmed;
}

async function balances(): Promise<{ taker: number; makers: number }> {
  const sums = await Promise.all(
    box.wallets.map(async (owned) => (await box.walletd.balances(owned)).totalSat),
  );
  const [taker = 0, ...makers] = sums;
  return { taker, makers: makers.reduce((sum, sat) => sum + sat, 0) };
}

/** Asks again until there is an answer, whoever is away at the moment. */
async function inTime<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + WITHIN_MS;
  let last: unknown;
  while (performance.now() < endMs) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await pause(50);
  }
  throw new Error(`waited in vain: ${what}; ${String(last)}`);
}
