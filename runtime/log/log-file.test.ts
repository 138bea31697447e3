import nodeFs, {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock.ts";
import { openLogFile } from "./log-file.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "log-file-"));
  path = join(directory, "logs", "indexer.log");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function failing(code: string): Error {
  return Object.assign(new Error(`${code}: it fails`), { code });
}

/** A disk with room for so many bytes, which takes the part of a write that fits. */
function diskOf(disk: { room: number }): typeof nodeFs {
  return {
    ...nodeFs,
    writeSync: (file: number, bytes: Buffer, offset: number, length: number) => {
      if (disk.room === 0) throw failing("ENOSPC");
      const written = nodeFs.writeSync(file, bytes, offset, Math.min(length, disk.room));
      disk.room -= written;
      return written;
    },
  } as typeof nodeFs;
}

describe("a log file", () => {
  it("holds each line as soon as it was written, and only its owner may read it", () => {
    const file = openLogFile({ path, actor: "indexer" });

    file.write("one\n");

    expect(readFileSync(path, "utf8")).toBe("one\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "logs")).mode & 0o777).toBe(0o700);
    file.close();
  });

  it("goes on where an earlier life stopped, and closes an older file to others", () => {
    openLogFile({ path, actor: "indexer" }).write("one\n");
    chmodSync(path, 0o644);

    openLogFile({ path, actor: "indexer" }).write("two\n");

    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("does not follow a symbolic link that somebody has put in its place", () => {
    openLogFile({ path, actor: "indexer" }).close();
    const target = join(directory, "victim");
    writeFileSync(target, "precious");
    rmSync(path);
    symlinkSync(target, path);

    expect(() => openLogFile({ path, actor: "indexer" })).toThrow(
      expect.objectContaining({ code: "RUNTIME_LOG_UNWRITABLE" }),
    );
    expect(readFileSync(target, "utf8")).toBe("precious");
  });

  it("writes nothing after it was closed", () => {
    const file = openLogFile({ path, actor: "indexer" });
    file.close();

    file.write("late\n");

    expect(readFileSync(path, "utf8")).toBe("");
    expect(file.lostLines).toBe(0);
  });

  it("is put aside when it is full, and only so many old ones are kept", () => {
    const file = openLogFile({ path, actor: "indexer", bytesMax: 10, kept: 2 });

    for (const line of ["aaaaaaaa\n", "bbbbbbbb\n", "cccccccc\n", "dddddddd\n"]) file.write(line);

    expect(readdirSync(join(directory, "logs")).sort()).toEqual([
      "indexer.log",
      "indexer.log.1",
      "indexer.log.2",
    ]);
    expect(readFileSync(path, "utf8")).toBe("dddddddd\n");
    expect(readFileSync(`${path}.1`, "utf8")).toBe("cccccccc\n");
    expect(readFileSync(`${path}.2`, "utf8")).toBe("bbbbbbbb\n");
  });

  it("never grows beyond its bound, whatever is written", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 60 }), (lengths) => {
        const file = openLogFile({ path, actor: "indexer", bytesMax: 100, kept: 3 });
        for (const length of lengths) file.write(`${"€".repeat(Math.floor(length / 3))}\n`);
        file.close();

        for (const name of readdirSync(join(directory, "logs"))) {
          expect(statSync(join(directory, "logs", name)).size).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});

describe("a full disk", () => {
  it("loses lines, says how many as soon as there is room, and breaks no line that follows", () => {
    const disk = { room: 12 };
    const clock = new ManualClock();
    const file = openLogFile({ path, actor: "indexer", clock, fileSystem: diskOf(disk) });

    file.write('{"n":1}\n');
    file.write('{"n":2}\n');
    clock.advance(60_000);
    file.write('{"n":3}\n');
    expect(file.lostLines).toBe(2);
    disk.room = 1_000;
    file.write('{"n":4}\n');

    const [first, cut, loss, last, ...rest] = readFileSync(path, "utf8").split("\n");
    expect([first, cut, last, rest]).toEqual(['{"n":1}', '{"n"', '{"n":4}', [""]]);
    expect(JSON.parse(loss ?? "")).toEqual({
      level: "warn",
      time: "2026-01-01T00:01:00.000Z",
      actor: "indexer",
      code: "RUNTIME_LOG_LOST",
      lost: 2,
      since: "2026-01-01T00:00:00.000Z",
      message: "2 log lines were lost: no space left on the disk",
    });
    expect(file.lostLines).toBe(0);
  });

  it("does not keep an actor from starting", () => {
    let isFull = true;
    const fileSystem = {
      ...nodeFs,
      openSync: (...options: Parameters<typeof nodeFs.openSync>) => {
        if (isFull) throw failing("ENOSPC");
        return nodeFs.openSync(...options);
      },
    } as typeof nodeFs;
    const file = openLogFile({ path, actor: "indexer", fileSystem });

    file.write("lost\n");
    isFull = false;
    file.write("kept\n");

    expect(readFileSync(path, "utf8")).toMatch(/"lost":1.*\nkept\n$/);
  });

  it("is not made worse: a file that cannot be put aside does not grow", () => {
    const fileSystem = {
      ...nodeFs,
      renameSync: () => {
        throw failing("EACCES");
      },
    } as typeof nodeFs;
    const file = openLogFile({ path, actor: "indexer", bytesMax: 10, fileSystem });

    for (let count = 0; count < 5; count++) file.write("aaaaaaaa\n");

    expect(statSync(path).size).toBe(9);
    expect(file.lostLines).toBe(4);
  });
});
