import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { fileName, unhide } from "./block-reader.ts";
import { FileSlices } from "./file-slices.ts";

const KEY = Buffer.from("0102f3a4c5061708", "hex");
const CONTENT = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7 + (i >>> 8)) & 0xff));

let directory: string;
let clock: ManualClock;
let slices: FileSlices;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-slices-"));
  clock = new ManualClock();
  slices = new FileSlices({ directory, clock });
});
afterEach(() => {
  slices.close();
  rmSync(directory, { recursive: true, force: true });
});

const pathOf = (number: number) => join(directory, fileName(number));

function write(number: number, content = CONTENT, key?: Uint8Array): void {
  const bytes = new Uint8Array(content);
  if (key !== undefined) unhide(bytes, 0, bytes.length, key);
  writeFileSync(pathOf(number), bytes);
}

const read = (file: number, offset: number, length: number) => {
  const found = slices.read(file, offset, length);
  return found && Buffer.from(found);
};

/** The files of the directory that this process has open, also those that are not in it any more. */
function openHere(): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith(directory) ? [target.slice(directory.length + 1)] : [];
    } catch {
      return [];
    }
  });
}

describe("pieces of block files", () => {
  it.each([undefined, KEY])("are read from anywhere in their files, hidden by %o", (key) => {
    if (key !== undefined) writeFileSync(join(directory, "xor.dat"), key);
    write(0, CONTENT, key);
    write(100_000, CONTENT.subarray(3), key);
    const places = fc.tuple(fc.boolean(), fc.nat(CONTENT.length - 4), fc.integer({ min: 1, max: 9_000 }));
    fc.assert(
      fc.property(places, ([isFirst, offset, length]) => {
        const content = isFirst ? CONTENT : CONTENT.subarray(3);
        const expected =
          offset + length > content.length ? undefined : content.subarray(offset, offset + length);
        expect(read(isFirst ? 0 : 100_000, offset, length)).toEqual(expected && Buffer.from(expected));
      }),
    );
  });

  it("are nothing where there is no file, no directory, no key that can be used, or no length", () => {
    expect(read(0, 0, 1)).toBeUndefined();
    write(1);
    expect(read(1, 0, 0)).toBeUndefined();
    expect(read(1, 5, -3)).toBeUndefined();
    const nowhere = new FileSlices({ directory: join(directory, "nowhere"), clock });
    expect(nowhere.read(0, 0, 1)).toBeUndefined();
    writeFileSync(join(directory, "xor.dat"), "short");
    const odd = new FileSlices({ directory, clock });
    expect(odd.read(1, 0, 1)).toBeUndefined();
  });

  it("are looked for again some time after they were not there, with the key that came with them", () => {
    expect(read(0, 0, 9)).toBeUndefined();
    writeFileSync(join(directory, "xor.dat"), KEY);
    write(0, CONTENT, KEY);
    expect(read(0, 0, 9)).toBeUndefined();
    clock.advance(10_000);
    expect(read(0, 0, 9)).toEqual(CONTENT.subarray(0, 9));
  });

  it("follow a directory that was made anew with another key once they are doubted, and not sooner than it is worth", () => {
    write(0);
    expect(read(0, 4, 5)).toEqual(CONTENT.subarray(4, 9));
    const anew = (key: Uint8Array) => {
      rmSync(pathOf(0));
      writeFileSync(join(directory, "xor.dat"), key);
      write(0, CONTENT, key);
    };
    anew(KEY);
    slices.doubt();
    expect(read(0, 4, 5)).toEqual(CONTENT.subarray(4, 9));
    anew(KEY.toReversed());
    slices.doubt();
    expect(read(0, 4, 5)).toEqual(CONTENT.subarray(4, 9)); // still the old file, that is open
    clock.advance(10_000);
    slices.doubt();
    expect(read(0, 4, 5)).toEqual(CONTENT.subarray(4, 9));
    expect(readFileSync(pathOf(0)).subarray(4, 9)).not.toEqual(CONTENT.subarray(4, 9));
  });

  it.runIf(process.platform === "linux")(
    "hold few files open, none that was pruned, and none that nobody asks for",
    () => {
      for (let number = 0; number < 50; number++) {
        write(number);
        read(number, number, 3);
      }
      expect(slices.openFiles).toBe(32);
      expect(openHere().length).toBe(32);
      expect(read(2, 2, 3)).toEqual(CONTENT.subarray(2, 5));
      rmSync(pathOf(49));
      renameSync(pathOf(48), join(directory, "moved"));
      clock.advance(10_000);
      expect(openHere()).not.toContain(`${fileName(49)} (deleted)`);
      read(48, 0, 1);
      clock.advance(10_000);
      expect(openHere()).toEqual(["moved"]);
      clock.advance(10_000);
      expect(openHere()).toEqual([]);
    },
  );
});
