/** The scripts tell the truth: what passed, failed, was skipped, and what broke down before it could be counted. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "troupe-scripts-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs vitest with our reporter on these files alone. */
function countsOf(files: Readonly<Record<string, string>>): unknown {
  const run = mkdtempSync(join(folder, "run-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(run, name), text);
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const config = join(run, "vitest.config.mjs");
  writeFileSync(config, "export default { test: { globals: true, include: ['*.test.mjs'] } };");
  const counts = join(run, "counts.json");
  spawnSync(
    process.execPath,
    [vitest, "run", "--root", run, "--config", config, `--reporter=${ROOT}scripts/count-reporter.mjs`],
    { env: { ...process.env, TROUPE_TEST_COUNTS: counts }, stdio: "ignore", timeout: 60_000 },
  );
  return JSON.parse(readFileSync(counts, "utf8"));
}

describe("the counts under the tests", () => {
  it("are those of passed, failed and skipped tests", () => {
    const text =
      "test('a', () => {}); test('b', () => { throw new Error('b'); }); test('c', { skip: true }, () => {});";

    expect(countsOf({ "a.test.mjs": text })).toEqual({ passed: 1, failed: 1, skipped: 1 });
  });

  it("hold a file that cannot be loaded, a hook that throws and an error that nobody caught", () => {
    const counts = countsOf({
      "broken.test.mjs": "throw new Error('no');",
      "hook.test.mjs":
        "describe('x', () => { beforeAll(() => { throw new Error('no'); }); test('a', () => {}); });",
      "late.test.mjs":
        "test('a', async () => { Promise.reject(new Error('no')); await new Promise((r) => setTimeout(r, 50)); });",
    }) as { passed: number; failed: number };

    expect(counts.passed).toBe(1);
    expect(counts.failed).toBeGreaterThanOrEqual(3);
  });
});

describe("npm run bench", () => {
  it("lists the benchmarks, and refuses one that is not there", () => {
    const bench = (...args: string[]) =>
      spawnSync(process.execPath, [`${ROOT}scripts/bench.mjs`, ...args], {
        encoding: "utf8",
        timeout: 60_000,
      });

    const [list, unknown] = [bench("list"), bench("no-such")];

    expect(list.status).toBe(0);
    expect(list.stdout).toContain("Benchmarks:");
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('There is no benchmark "no-such"');
  });
});

describe("what the scripts have built", () => {
  // Of a build by the compiler alone nothing is promised.
  it.runIf(existsSync(join(ROOT, "dist/.built-from")))("can be run by the package's commands", () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      bin: Record<string, string>;
    };

    for (const [name, file] of Object.entries(bin)) {
      const told = spawnSync(join(ROOT, file), ["--version"], { encoding: "utf8", timeout: 60_000 });
      expect(told, name).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    }
  });
});
