/** Tries what Node's permission model should forbid, and tells what it was answered. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

/** For each attempt `ok` or the error's code. */
export interface FenceAnswer {
  readonly writeOwn: string;
  readonly readOwn: string;
  readonly writeElsewhere: string;
  readonly readElsewhere: string;
  readonly childProcess: string;
  readonly thread: string;
  readonly nativeCode: string;
  readonly busPackage: string;
  readonly tcp: string;
}

/** What an actor must be answered that is confined to its own directory and the bus. */
export const CONFINED: FenceAnswer = Object.freeze({
  writeOwn: "ok",
  readOwn: "ok",
  writeElsewhere: "ERR_ACCESS_DENIED",
  readElsewhere: "ERR_ACCESS_DENIED",
  childProcess: "ERR_ACCESS_DENIED",
  thread: "ERR_ACCESS_DENIED",
  nativeCode: "ERR_DLOPEN_DISABLED",
  busPackage: "ok",
  tcp: "ok",
});

async function attempt(act: () => unknown): Promise<string> {
  try {
    await act();
    return "ok";
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

export async function tryFence(directory: string): Promise<FenceAnswer> {
  const own = join(directory, "own");
  return {
    writeOwn: await attempt(() => writeFileSync(own, "x")),
    readOwn: await attempt(() => readFileSync(own)),
    writeElsewhere: await attempt(() => writeFileSync(join(tmpdir(), "troupe-elsewhere"), "x")),
    readElsewhere: await attempt(() => readFileSync("/etc/passwd")),
    childProcess: await attempt(() => {
      const { error } = spawnSync("/bin/true");
      if (error !== undefined) throw error;
    }),
    thread: await attempt(() => new Worker("0", { eval: true })),
    nativeCode: await attempt(() => {
      const holder = { exports: {} };
      process.dlopen(holder, "/lib/x86_64-linux-gnu/libc.so.6");
    }),
    busPackage: await attempt(() => createRequire(import.meta.url)("nats")),
    tcp: await attempt(
      () =>
        new Promise<void>((resolve, reject) => {
          const server = createServer();
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => server.close(() => resolve()));
        }),
    ),
  };
}
