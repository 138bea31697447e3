import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeChain } from "../../bench/chain/chain-file.ts";
import { madeChain } from "../../bench/chain/generator.ts";
import { Randomness } from "../../bench/chain/randomness.ts";
import { builtUrl } from "../harness/built.ts";

/** More by hand: TROUPE_KILL_ROUNDS=200. */
const ROUNDS = Number(process.env["TROUPE_KILL_ROUNDS"] ?? 20);
const SHAPE = { seed: 11, transactions: 9_000, transactionsPerBlock: 60 };

interface Ran {
  readonly lines: readonly string[];
  readonly wasKilled: boolean;
}

let folder = "";
let chainA = "";
let chainB = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-kill-"));
  chainA = join(folder, "a.dat");
  chainB = join(folder, "b.dat");
  await writeChain(chainA, madeChain(SHAPE));
  await writeChain(chainB, madeChain({ ...SHAPE, branch: { height: 70, seed: 12 }, transactions: 10_000 }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the builder; kills it so many milliseconds after its first commit, if told to. */
function build(directory: string, chain: string, killAfterMs?: number): Promise<Ran> {
  const program = fileURLToPath(builtUrl("tests/harness/indexer/index-builder.js"));
  const child = spawn(process.execPath, [program, directory, chain], { stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let out = "";
    let errors = "";
    let timer: NodeJS.Timeout | undefined;
    child.stdout.on("data", (text: Buffer) => {
      out += text.toString();
      if (killAfterMs !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    });
    child.stderr.on("data", (text: Buffer) => {
      errors += text.toString();
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (code !== 0 && signal !== "SIGKILL")
        reject(new Error(`the builder failed (${code} ${signal}): ${errors}`));
      else resolve({ lines: out.trim().split("\n"), wasKilled: signal === "SIGKILL" });
    });
  });
}

describe("an index whose writer is killed again and again", () => {
  it(
    "is in the end the one that is built in peace, whatever was under way: sync, reorganisation or merge",
    async () => {
      const random = new Randomness(Number(process.env["TROUPE_KILL_SEED"] ?? 1));
      const peaceful = await build(join(folder, "peace"), chainA);
      const directory = join(folder, "war");

      let kills = 0;
      let rounds = 0;
      for (; rounds < ROUNDS; rounds++) {
        const ran = await build(directory, rounds % 2 === 0 ? chainA : chainB, random.between([0, 400]));
        if (ran.wasKilled) kills += 1;
      }
      const last = await build(directory, chainA);

      expect(JSON.parse(last.lines.at(-1) as string)).toEqual(JSON.parse(peaceful.lines.at(-1) as string));
      expect(JSON.parse(last.lines.at(-1) as string).txCount).toBe(SHAPE.transactions);
      // Otherwise the test would test nothing.
      expect(kills).toBeGreaterThan(ROUNDS / 4);
    },
    60_000 + ROUNDS * 10_000,
  );
});
