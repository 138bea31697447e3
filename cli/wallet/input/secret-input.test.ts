/** Passwords where nobody can be asked. */
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import type { Terminal } from "../../terminal-io.ts";
import { withPassword } from "./secret-input.ts";

/** A pipe on every side. */
function piped(): Terminal {
  const stream = () => new PassThrough() as unknown;
  return {
    stdout: stream() as NodeJS.WriteStream,
    stderr: stream() as NodeJS.WriteStream,
    stdin: stream() as NodeJS.ReadStream,
    environment: {},
    version: "0",
  };
}

describe("without a terminal", () => {
  const never = () => Promise.reject(new Error("tried without a password"));

  test("the option that names the password's file is said", async () => {
    await expect(withPassword({}, piped(), "Password", never)).rejects.toThrow(
      "There is no terminal to ask on. Use --password-file <file>, or --password-file - to read it from a pipe.",
    );
  });

  test("of another wallet than the command is about it is that wallet's", async () => {
    const option = { passwordOption: "--from-password-file" };
    await expect(withPassword(option, piped(), "Password", never)).rejects.toThrow(
      /Use --from-password-file <file>/,
    );
  });
});
