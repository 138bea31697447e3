import {
  mkdirSync,
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
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createWhole, writeDraft, writeWhole } from "./whole-file.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-whole-"));
  path = join(directory, "file");
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("a file written whole", () => {
  it("takes the place of what was there, for its owner only, and leaves no draft", () => {
    writeFileSync(path, "before", { mode: 0o644 });

    writeWhole(path, "after");

    expect(readFileSync(path, "utf8")).toBe("after");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  it("is a new file each time: whoever still reads the old one sees all of it", () => {
    writeWhole(path, "before");
    const before = statSync(path).ino;

    writeWhole(path, "after");

    expect(statSync(path).ino).not.toBe(before);
  });

  it("replaces a link and does not write where it points", () => {
    const elsewhere = join(directory, "elsewhere");
    writeFileSync(elsewhere, "untouched");
    symlinkSync(elsewhere, path);

    writeWhole(path, "ours");

    expect(readFileSync(elsewhere, "utf8")).toBe("untouched");
    expect(readFileSync(path, "utf8")).toBe("ours");
  });

  it("leaves nothing behind when it cannot take its name", () => {
    mkdirSync(path);

    expect(() => writeWhole(path, "text")).toThrow();
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  it("once created is not replaced", () => {
    createWhole(path, "first");

    expect(() => createWhole(path, "second")).toThrow(expect.objectContaining({ code: "EEXIST" }));
    expect(readFileSync(path, "utf8")).toBe("first");
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  it("has a draft that is nobody else's", () => {
    writeDraft(path, "ours");

    expect(() => writeDraft(path, "theirs")).toThrow(expect.objectContaining({ code: "EEXIST" }));
    expect(readFileSync(path, "utf8")).toBe("ours");
  });
});
