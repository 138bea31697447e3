/** The wallet store in real processes that are as confined as the wallet daemon: killed at any moment, two at once, on a full disk. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { builtUrl } from "../harness/built.ts";

/** Hundreds by hand; in an ordinary run enough to hit every step some times. */
const KILLS = Number(process.env["TROUPE_STORE_KILLS"] ?? 40);

const canMount = mayMount();

let directory: string;
const children: Writer[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trp-store-kill-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  rmSync(directory, { recursive: true, force: true });
});

class Writer {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #onLine: () => void = () => {};

  /** `stays`: it never closes the wallet while it lives. */
  constructor(folder: string, stays = false) {
    const script = fileURLToPath(builtUrl("tests/harness/walletd/killed/store-writer.js"));
    const root = fileURLToPath(new URL("../../..", builtUrl("tests/harness/built.js")));
    const flags = [
      "--experimental-permission",
      "--disable-warning=ExperimentalWarning",
      `--allow-fs-read=${root}*`,
      `--allow-fs-read=${realpathSync(join(root, "node_modules"))}/*`,
      `--allow-fs-read=${folder}`,
      `--allow-fs-write=${folder}`,
    ];
    this.#child = spawn(process.execPath, [...flags, script, folder, ...(stays ? ["stay"] : [])], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const reader = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    reader.on("line", (line) => {
      this.lines.push(line);
      this.#onLine();
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()));
    children.push(this);
  }

  /** The first line that begins so. */
  async said(start: string): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(start));
      if (found !== undefined) return found;
      const next = new Promise<"line">((resolve) => {
        this.#onLine = () => resolve("line");
      });
      if ((await Promise.race([next, this.#ended.then(() => "ended")])) === "ended") {
        throw new Error(`it ended without saying "${start}": ${this.lines.slice(-3).join(" | ")}`);
      }
    }
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  get lastKept(): number {
    return Math.max(
      0,
      ...this.lines.filter((line) => line.startsWith("kept ")).map((line) => Number(line.slice(5))),
    );
  }
}

test("a process that is killed at any moment loses nothing that it had answered, and leaves nothing in the next one's way", async () => {
  let answered = 0;
  for (let round = 0; round < KILLS; round++) {
    const writer = new Writer(directory);
    const [, last, labels, index, entropy] = (await writer.said("opened ")).split(" ");
    expect(Number(last)).toBeGreaterThanOrEqual(answered);
    // Each change whole and once: as many labels as changes, and the index of the last.
    expect([labels, index, entropy]).toEqual([last, last, "000102030405060708090a0b0c0d0e0f"]);
    answered = Number(last);
    // Another moment each time: from the first write to after some snapshots and passwords.
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 61));
    await writer.kill();
    answered = Math.max(answered, writer.lastKept);
    expect(writer.lines.filter((line) => line.startsWith("refused"))).toEqual([]);
  }
  expect(answered).toBeGreaterThan(KILLS);
});

test("a second process is refused while the first lives, and let in as soon as it is dead", async () => {
  const first = new Writer(directory, true);
  await first.said("kept ");
  const second = new Writer(directory);

  expect(await second.said("refused ")).toContain("WALLETD_FILE_LOCKED");
  await first.kill();
  expect(readdirSync(directory)).toContain("a.jmdat.lock");
  const third = new Writer(directory);
  await third.said("kept ");
});

test.skipIf(!canMount)("a disk that may not be written is refused as that", async () => {
  await onDisk("size=64k,ro", async (disk) => {
    expect(await new Writer(disk).said("refused ")).toContain("WALLETD_DISK_READ_ONLY");
  });
});

test.skipIf(!canMount)(
  "on a disk that gets full it is told, and what had been answered is there when there is room again",
  async () => {
    await onDisk("size=48k", async (disk) => {
      const writer = new Writer(disk);
      expect(await writer.said("refused ")).toContain("WALLETD_DISK_FULL");
      await writer.ended;
      const answered = writer.lastKept;
      execFileSync("mount", ["-o", "remount,size=4m", disk]);

      const again = new Writer(disk);
      const [, last, labels] = (await again.said("opened ")).split(" ");

      expect(answered).toBeGreaterThan(0);
      expect(Number(last)).toBeGreaterThanOrEqual(answered);
      expect(labels).toBe(last);
      await again.kill();
    });
  },
);

/** A small disk of its own, which only root can make. */
async function onDisk(options: string, use: (disk: string) => Promise<void>): Promise<void> {
  const disk = join(directory, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", disk]);
  try {
    await use(disk);
  } finally {
    for (const child of children) await child.kill();
    execFileSync("umount", [disk]);
  }
}

function mayMount(): boolean {
  const disk = mkdtempSync(join(tmpdir(), "trp-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k", "none", disk], { stdio: "ignore" });
    execFileSync("umount", [disk]);
    return true;
  } catch {
    // Not root, or in a container that may not: the same refusals are tested on a disk in memory.
    process.stdout.write("skipping small disks: this user may not mount one\n");
    return false;
  } finally {
    rmSync(disk, { recursive: true, force: true });
  }
}
