/** Wallet files whose bytes are not what was written, however that came. */
import { createHash } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { MemoryDisk } from "../../../tests/harness/walletd/memory-disk.ts";
import {
  emptyWallet,
  keys,
  LOCK,
  placeOn,
  STORE_PATH,
} from "../../../tests/harness/walletd/wallet-changes.ts";
import type { PasswordKey } from "./password-key.ts";
import { SealedFile } from "./sealed-file.ts";
import { WalletStore } from "./wallet-store.ts";

let key: PasswordKey | undefined;
beforeEach(() => {
  key = undefined;
});

/** A wallet file with three changes after its snapshot, and where each part ends. */
async function written(): Promise<{ bytes: Buffer; ends: number[] }> {
  const disk = new MemoryDisk();
  const store = await WalletStore.create(placeOn(disk), LOCK, "first", emptyWallet());
  const ends = [disk.bytesOf(STORE_PATH).length];
  for (const value of ["one", "x".repeat(900), "three"]) {
    await store.append({ kind: "setting", key: "a", value });
    ends.push(disk.bytesOf(STORE_PATH).length);
  }
  return { bytes: disk.bytesOf(STORE_PATH), ends };
}

/** How the file is refused, or how many changes it holds; and that a refusal changes nothing. The key was made once. */
async function found(bytes: Buffer): Promise<string> {
  const disk = new MemoryDisk();
  disk.put(STORE_PATH, bytes);
  try {
    const { changes } = await SealedFile.open(placeOn(disk), async ({ cost, salt }) => {
      key ??= await keys.derive("first", cost, salt);
      return key;
    });
    return String(changes.length);
  } catch (error) {
    expect(disk.bytesOf(STORE_PATH)).toEqual(bytes);
    return (error as { code: string }).code;
  }
}

test("a change of any single byte is found and the file is not touched", async () => {
  const { bytes } = await written();
  for (let at = 0; at < bytes.length; at++) {
    for (const change of [1 << (at % 8), bytes[at] ?? 0]) {
      if (change === 0) continue;
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ change;

      expect([at, await found(changed)]).toEqual([
        at,
        at < 6 ? "WALLETD_FILE_UNKNOWN" : at < 8 ? "WALLETD_FILE_VERSION" : "WALLETD_FILE_CORRUPT",
      ]);
    }
  }
});

test("a file cut off at any byte is what it was at that moment, or is refused as not whole", async () => {
  const { bytes, ends } = await written();
  for (let length = 0; length < bytes.length; length++) {
    const whole = ends.findLastIndex((end) => end <= length);
    const expected =
      length < 6 ? "WALLETD_FILE_UNKNOWN" : whole < 0 ? "WALLETD_FILE_TRUNCATED" : String(whole);

    expect([length, await found(bytes.subarray(0, length))]).toEqual([length, expected]);
  }
});

test("a sector that was never written is taken off at the end, and refused anywhere else", async () => {
  const { bytes, ends } = await written();
  const [, , beforeLast = 0] = ends;
  const zeroed = (from: number, to: number) => {
    const copy = Buffer.from(bytes);
    return copy.fill(0, from, to);
  };

  expect(await found(zeroed(beforeLast, bytes.length))).toBe("2");
  expect(await found(zeroed(512, 1024))).toBe("WALLETD_FILE_CORRUPT");
  expect(await found(zeroed(1024, 1536))).toBe("WALLETD_FILE_CORRUPT");
});

test("a record that is left out, repeated, moved or brought from another wallet is refused", async () => {
  const { bytes, ends } = await written();
  const [snapshot = 0, one = 0, two = 0, three = 0] = ends;
  const part = (from: number, to: number) => bytes.subarray(from, to);
  const { bytes: other } = await written();

  for (const spliced of [
    [part(0, snapshot), part(one, three)],
    [part(0, one), part(snapshot, three)],
    [part(0, snapshot), part(one, two), part(snapshot, one), part(two, three)],
    [part(0, three), part(snapshot, one)],
    [other.subarray(0, snapshot), part(snapshot, three)],
  ]) {
    key = undefined;
    expect(await found(Buffer.concat(spliced))).toBe("WALLETD_FILE_CORRUPT");
  }
});

test("a forged head cannot ask for more memory or time than we are ready to give", async () => {
  const { bytes } = await written();
  const forged = Buffer.from(bytes);
  forged.writeUInt32BE(0xffffffff, 12);
  createHash("sha256").update(forged.subarray(0, 64)).digest().copy(forged, 64, 0, 16);

  expect(await found(forged)).toBe("WALLETD_FILE_CORRUPT");
});
