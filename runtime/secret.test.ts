import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format, inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSecretFile, Secret } from "./secret.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "secret-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function file(text: string, mode = 0o600): string {
  const path = join(directory, "secret");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function failureOf(path: string): Error & { code: string } {
  try {
    readSecretFile(path);
  } catch (error) {
    return error as Error & { code: string };
  }
  throw new Error("it was read");
}

describe("a secret", () => {
  it("is shown by nothing but reveal()", () => {
    const secret = new Secret("hunter2");

    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true }),
      format("%s %o %j", secret, secret, secret),
      Object.keys(secret).join(),
    ];

    expect(shown.join("\n")).not.toContain("hunter2");
    expect(secret.reveal()).toBe("hunter2");
  });
});

describe("a secret file", () => {
  it.each([
    ["hunter2", "hunter2"],
    ["hunter2\n", "hunter2"],
    ["hunter2\r\n", "hunter2"],
    ["two\nlines\n\n", "two\nlines\n"],
    [" spaces ", " spaces "],
  ])("%j holds %j", (text, expected) => {
    expect(readSecretFile(file(text)).reveal()).toBe(expected);
  });

  it.each([0o640, 0o604, 0o620, 0o610, 0o666])(
    "with mode %o is refused, with the command that mends it",
    (mode) => {
      const path = file("hunter2", mode);

      const failure = failureOf(path);

      expect(failure.code).toBe("RUNTIME_SECRET_EXPOSED");
      expect(failure.message).toContain(`chmod 600 '${path}'`);
      expect(failure.message).not.toContain("hunter2");
    },
  );

  it("may be a symbolic link, and then what it leads to is judged", () => {
    const path = file("hunter2");
    symlinkSync(path, join(directory, "link"));

    expect(readSecretFile(join(directory, "link")).reveal()).toBe("hunter2");
    chmodSync(path, 0o644);

    expect(failureOf(join(directory, "link")).code).toBe("RUNTIME_SECRET_EXPOSED");
  });

  it.each([
    ["is missing", () => join(directory, "none"), "no such file"],
    [
      "is a directory",
      () => mkdirSync(join(directory, "d"), { recursive: true }) ?? "",
      "not an ordinary file",
    ],
    ["is empty", () => file("\n"), "empty"],
    ["is far too large", () => file("x".repeat(64 * 1024 + 1)), "larger than"],
  ])("that %s is refused", (_what, make, expected) => {
    const failure = failureOf(make());

    expect(failure.code).toBe("RUNTIME_SECRET_UNREADABLE");
    expect(failure.message).toContain(expected);
  });

  it("that is a pipe without a writer is refused and does not block", () => {
    execFileSync("mkfifo", ["-m", "600", join(directory, "pipe")]);

    expect(failureOf(join(directory, "pipe")).message).toContain("not an ordinary file");
  });
});
