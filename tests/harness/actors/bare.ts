/** A child without a bus that breaks in any of the known ways when it is told to suspend: for tests of how lives end. */
import { pbkdf2Sync } from "node:crypto";
import { appendFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { serveParent } from "../../../bus/child/child-side.ts";

/** How it breaks. */
export type Break =
  | "throw"
  | "throw_object"
  | "rejection"
  | "exit_0"
  | "exit_7"
  | "loop"
  | "stall"
  | "stack"
  | "oom_small"
  | "oom_array"
  | "buffers"
  | "closed_port"
  | "native"
  | "sigstop"
  | "finish"
  | "refuse_stop";

export interface BareBoot {
  readonly refuseStart?: string;
  readonly breaks: Break;
  /** Written to on each start and stop: which children lived, in which order. */
  readonly journal?: string;
  readonly secret?: string;
}

serveParent<BareBoot, void>((parent) => {
  let boot: BareBoot | undefined;
  return {
    start(given) {
      boot = given;
      if (given.refuseStart !== undefined) return Promise.reject(new Error(given.refuseStart));
      parent.report("ready", `pid ${process.pid}`);
      return Promise.resolve();
    },
    stop() {
      if (boot?.journal !== undefined) appendFileSync(boot.journal, `stop ${process.pid}\n`);
      return boot?.breaks === "refuse_stop" ? new Promise(() => {}) : Promise.resolve();
    },
    suspend() {
      const how = boot?.breaks ?? "throw";
      setTimeout(() => breakNow(how, () => parent.finish()), 10);
      return Promise.resolve();
    },
  };
});

function breakNow(how: Break, finish: () => void): void {
  switch (how) {
    case "throw":
      throw Object.assign(new Error("broken on purpose"), { code: "DUMMY_BROKEN" });
    case "throw_object":
      // Foreign code throws such things.
      throw { odd: true };
    case "rejection":
      void Promise.reject(new Error("rejected on purpose"));
      return;
    case "exit_0":
      process.exit(0);
      return;
    case "exit_7":
      process.exit(7);
      return;
    case "loop":
      for (;;) Math.random();
    case "stall":
      // A loop that stands still for a while and then goes on.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
      return;
    case "stack":
      recurse(0);
      return;
    case "oom_small": {
      const kept: string[][] = [];
      for (;;) kept.push(Array.from({ length: 10 }, (_, index) => `item ${index} of ${kept.length}`));
    }
    case "oom_array": {
      const kept: number[] = [];
      for (;;) kept.push(kept.length + 0.5);
    }
    case "buffers": {
      const kept: Buffer[] = [];
      for (let mib = 0; mib < 256; mib++) kept.push(Buffer.alloc(1024 * 1024, 1));
      setInterval(() => kept.length, 60_000);
      return;
    }
    case "closed_port":
      if (parentPort === null) process.disconnect();
      else parentPort.close();
      return;
    case "native":
      pbkdf2Sync("password", "salt", 2_000_000_000, 64, "sha512");
      return;
    case "sigstop":
      process.kill(process.pid, "SIGSTOP");
      return;
    case "finish":
      finish();
      return;
    case "refuse_stop":
      return;
  }
}

function recurse(depth: number): number {
  return recurse(depth + 1) + 1;
}
