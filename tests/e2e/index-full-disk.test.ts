/** A disk without room at any write of the index: the writer ends and says why, and what is there is what was committed. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeChain } from "../../bench/chain/chain-file.ts";
import { madeChain } from "../../bench/chain/generator.ts";
import { Randomness } from "../../bench/chain/randomness.ts";
import { builtUrl } from "../harness/built.ts";

/** More by hand: TROUPE_FULL_ROUNDS=100. */
const ROUNDS = Number(process.env["TROUPE_FULL_ROUNDS"] ?? 8);
const SHAPE = { seed: 21, transactions: 9_000, transactionsPerBlock: 60 };
const KIB = 1024;

interface Ran {
  readonly lines: readonly string[];
  readonly errors: string;
  readonly code: number | null;
}

let folder = "";
let chainA = "";
let chainB = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-full-"));
  chainA = join(folder, "a.dat");
  chainB = join(folder, "b.dat");
  await writeChain(chainA, madeChain(SHAPE));
  await writeChain(chainB, madeChain({ ...SHAPE, branch: { height: 70, seed: 22 }, transactions: 10_000 }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the builder, which may make no file larger than that: to it the disk is full then. */
function build(directory: string, chain: string, fileKib: number | "unlimited"): Promise<Ran> {
  const program = fileURLToPath(builtUrl("tests/harness/indexer/index-builder.js"));
  const limited = [
    "-c",
    'ulimit -f "$1"; shift; exec "$@"',
    "bash",
    String(fileKib),
    process.execPath,
    program,
  ];
  const child = spawn("bash", [...limited, directory, chain], { stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let out = "";
    let errors = "";
    child.stdout.on("data", (text: Buffer) => {
      out += text.toString();
    });
    child.stderr.on("data", (text: Buffer) => {
      errors += text.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ lines: out.trim().split("\n"), errors, code }));
  });
}

it(
  "an index whose disk is full again and again is in the end the one that is built in peace",
  async () => {
    const random = new Randomness(Number(process.env["TROUPE_FULL_SEED"] ?? 1));
    const peaceful = await build(join(folder, "peace"), chainA, "unlimited");
    const sizeKib = Math.ceil(statSync(join(folder, "peace", "data.mdb")).size / KIB);
    const directory = join(folder, "war");

    let failures = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const room = Math.floor(sizeKib * (0.1 + 0.9 * ((round + random.fraction()) / ROUNDS)));
      const { code, errors } = await build(directory, round % 2 === 0 ? chainA : chainB, room);
      if (code === 0) continue;
      failures += 1;
      // In words that say what to do, and not only in LMDB's.
      expect(errors).toContain("INDEXER_STORE_UNWRITABLE");
    }
    const last = await build(directory, chainA, "unlimited");

    expect(last.code).toBe(0);
    expect(JSON.parse(last.lines.at(-1) as string)).toEqual(JSON.parse(peaceful.lines.at(-1) as string));
    expect(JSON.parse(last.lines.at(-1) as string).txCount).toBe(SHAPE.transactions);
    // Otherwise the test would test nothing.
    expect(failures).toBeGreaterThan(ROUNDS / 4);
  },
  60_000 + ROUNDS * 60_000,
);
