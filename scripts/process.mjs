/** Running other programs from the scripts: one place that knows the root, how to wait, and how to hand signals on. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root, with a closing slash. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Progress goes to stderr, so that `npm start -- --json | jq` sees nothing but the program's own output. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a program to its end and tells how it ended: `{code, signal}`. Signals that we get are handed on, and we
 * outlive the child, so that none is left behind. The terminal's Ctrl-C reaches the whole group by itself.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], ...options });
    const handOn = (signal) => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of FORWARDED) process.on(signal, handOn);
    const done = () => {
      for (const signal of FORWARDED) process.off(signal, handOn);
    };
    child.once("error", (error) => {
      done();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      done();
      resolve({ code: code ?? 1, signal });
    });
  });
}

/** Runs a JavaScript program of `node_modules` with this Node; `npx` would ask npm first, which takes a second. */
export function runTool(path, args, options) {
  return run(process.execPath, [`${ROOT}node_modules/${path}`, ...args], options);
}
