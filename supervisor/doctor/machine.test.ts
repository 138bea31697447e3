import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  checkClock,
  checkDataDirectory,
  checkDisk,
  checkMemory,
  checkNodeVersion,
  checkOpenFiles,
  checkProcessSeparation,
} from "./machine.ts";

const GIB = 2 ** 30;

describe("the doctor's look at the machine", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "troupe-doctor-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it.each([
    ["18.20.4", "fail"],
    ["20.18.3", "fail"],
    ["20.19.0", "ok"],
    ["22.1.0", "ok"],
    ["24.0.0", "ok"],
  ])("judges Node.js %s as %s", (version, verdict) => {
    expect(checkNodeVersion(version).verdict).toBe(verdict);
  });

  it("warns of a machine with little memory", () => {
    expect(checkMemory(1 * GIB, 0.5 * GIB)).toMatchObject({
      verdict: "warn",
      message: "1.0 GiB in all, 0.5 GiB free",
    });
    expect(checkMemory(8 * GIB, 4 * GIB).verdict).toBe("ok");
  });

  it("warns of a low limit of open files, as the kernel writes it", () => {
    const limits = (soft: string) =>
      `Max open files            ${soft}                 1048576              files     \n`;

    expect(checkOpenFiles(limits("1024"))).toMatchObject({
      verdict: "warn",
      remedy: expect.stringContaining("ulimit -n 8192"),
    });
    expect(checkOpenFiles(limits("65536")).verdict).toBe("ok");
    expect(checkOpenFiles(limits("unlimited")).verdict).toBe("ok");
  });

  it("says that a directory not yet there will be made, without making it", () => {
    const wanted = join(directory, "deep", "data");

    expect(checkDataDirectory(wanted)[0]).toMatchObject({
      verdict: "ok",
      message: `${wanted} will be made at the first start`,
    });
    expect(checkDataDirectory(wanted)[0]?.verdict).toBe("ok");
  });

  it("warns of a data directory that others can read, and gives the command that mends it", () => {
    const open = join(directory, "open");
    mkdirSync(open);
    chmodSync(open, 0o755);

    expect(checkDataDirectory(open)[0]).toMatchObject({
      verdict: "warn",
      remedy: `type: chmod 700 '${open}'`,
    });

    chmodSync(open, 0o700);
    expect(checkDataDirectory(open)[0]?.verdict).toBe("ok");
  });

  it("refuses a file in the place of the data directory", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");

    expect(checkDataDirectory(file)).toMatchObject([{ verdict: "fail" }]);
  });

  it.each([
    [0.5 * GIB, "fail"],
    [5 * GIB, "warn"],
    [500 * GIB, "ok"],
  ])("judges %d bytes free as %s", (freeBytes, verdict) => {
    expect(checkDisk(directory, freeBytes).verdict).toBe(verdict);
  });

  it.runIf(process.platform === "linux")("warns when ptrace is open to every program of the user", () => {
    expect(checkProcessSeparation("0", true)).toMatchObject([{ verdict: "warn" }, { verdict: "ok" }]);
    expect(checkProcessSeparation("1", false)).toMatchObject([{ verdict: "ok" }, { verdict: "warn" }]);
  });

  it("never fails for a clock that nobody vouches for", async () => {
    expect((await checkClock()).verdict).not.toBe("fail");
  });
});
