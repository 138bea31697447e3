#!/usr/bin/env node
/** The command `supervisor`: reads what was typed and runs one of its commands. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { EXIT, exitCodeOf } from "./errors.ts";
import { makeProgram } from "./program.ts";
import { sayFailure, type Terminal } from "./terminal-io.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const terminal: Terminal = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  environment: process.env,
  version,
};
// Whoever reads us has gone (`supervisor logs | head`): that is their right, and no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

try {
  let exitCode: number = EXIT.ok;
  const program = makeProgram(terminal, fileURLToPath(import.meta.url), process.argv.slice(2), (code) => {
    exitCode = code;
  });
  await program.parseAsync(process.argv);
  process.exitCode = exitCode;
} catch (error) {
  if (error instanceof CommanderError) {
    // It has printed its help or its complaint already.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.misuse;
  } else {
    sayFailure(terminal, error);
    process.exitCode = exitCodeOf(error);
  }
}
