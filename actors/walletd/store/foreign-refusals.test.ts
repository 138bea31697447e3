/** Files of other programs that are refused: each with its own code, and byte for byte as they were. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { MemoryDisk } from "../../../tests/harness/walletd/memory-disk.ts";
import { CHEAP } from "../../../tests/harness/walletd/wallet-changes.ts";
import vectors from "../../../tests/vectors/wallet-files.json" with { type: "json" };
import type { Disk } from "./disk.ts";
import { WalletFolder } from "./wallet-folder.ts";

const { published } = vectors;
const CLIENTSERVER = Buffer.from(published.clientserver, "hex");
const NG = Buffer.concat([
  Buffer.from(published.joinmarketNgHead, "hex"),
  Buffer.from(published.joinmarketNgToken),
]);
const LEGACY = Buffer.from(
  vectors.joinmarketNg.files.find(({ name }) => name === "cli.mnemonic")?.file ?? "",
  "base64",
);
const PLAIN = Buffer.from(
  vectors.clientserver.find(({ name }) => name === "plain.jmdat")?.file ?? "",
  "base64",
);
const OLDEST = Buffer.from(
  vectors.clientserver.find(({ name }) => name === "p2pkh.jmdat")?.file ?? "",
  "base64",
);
const WORDS = Buffer.from("legal winner thank year wave sausage worth useful legal winner thank yellow");

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-refusals-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function folderOn(network = "regtest", disk?: Disk): WalletFolder {
  return new WalletFolder({
    ...{ directory, network, clock: new ManualClock(), cost: CHEAP, report: () => {} },
    ...(disk === undefined ? {} : { disk }),
  });
}

/** What both ways in say; the file must be as it was, and alone, after each. */
async function refusalOf(bytes: Buffer, { password = "hunter2", passphrase = "", network = "regtest" } = {}) {
  const path = join(directory, "old.jmdat");
  writeFileSync(path, bytes);
  const code = (error: { code: string }) => error.code;
  const opened = await folderOn(network).open("old", password, passphrase).then(String, code);
  expect(readFileSync(path)).toEqual(bytes);
  expect(readdirSync(directory)).toEqual(["old.jmdat"]);
  const file = { bytes: Buffer.from(bytes), password, passphrase };
  const imported = await folderOn(network).import("new", file).then(String, code);
  expect(imported).toBe(opened);
  expect(readdirSync(directory)).toEqual(["old.jmdat"]);
  return opened;
}

describe("a wallet file of another program is refused and not touched", () => {
  test.each([
    ["a wrong password of joinmarket-clientserver's", CLIENTSERVER, { password: "x" }, "WRONG_PASSWORD"],
    ["a wrong password of joinmarket-ng's", NG, { password: "x" }, "WRONG_PASSWORD"],
    ["a wrong password of joinmarket-ng's older form", LEGACY, { password: "x" }, "WRONG_PASSWORD"],
    ["another network", CLIENTSERVER, { network: "mainnet" }, "FILE_NETWORK"],
    ["another network in a file without a password", PLAIN, { network: "signet" }, "FILE_NETWORK"],
    ["a newer version of joinmarket-ng's", Buffer.from(NG).fill(2, 4, 5), {}, "FILE_VERSION"],
    ["a way to the key that we do not know", Buffer.from(NG).fill(9, 5, 6), {}, "FILE_VERSION"],
    ["a cost that would fill the memory", Buffer.from(NG).fill(0xff, 6, 10), {}, "FILE_CORRUPT"],
    ["a wallet of the oldest kind", OLDEST, {}, "FILE_UNSUPPORTED"],
    ["a passphrase beside the file's own", CLIENTSERVER, { passphrase: "x" }, "FILE_UNSUPPORTED"],
    ["words with a wrong checksum", Buffer.from("legal ".repeat(12)), {}, "FILE_UNSUPPORTED"],
    ["a file of another program", Buffer.from("SQLite format 3\0and more"), {}, "FILE_UNKNOWN"],
    ["an empty file", Buffer.alloc(0), {}, "FILE_UNKNOWN"],
    ["a head without a body", NG.subarray(0, 20), {}, "FILE_TRUNCATED"],
    ["a container that is none", Buffer.from("JMENCWLTd4:data3:abce"), {}, "FILE_CORRUPT"],
  ])("%s", async (_, bytes, how, code) => {
    expect(await refusalOf(bytes, how)).toBe(`WALLETD_${code}`);
  });

  test.each([
    ["joinmarket-clientserver's", CLIENTSERVER],
    ["joinmarket-clientserver's without a password", PLAIN],
    ["joinmarket-ng's", NG],
  ])("%s, cut off anywhere", async (_, whole) => {
    // Without the padding of its base64 a file has lost nothing.
    const needed = whole.toString("latin1").replace(/=+$/, "").length;
    const cuts = fc.integer({ min: 0, max: needed - 1 });
    await fc.assert(
      fc.asyncProperty(cuts, async (lengthBytes) => {
        expect(await refusalOf(whole.subarray(0, lengthBytes))).toMatch(
          /^WALLETD_(?:FILE_(?:TRUNCATED|CORRUPT|UNKNOWN)|WRONG_PASSWORD)$/,
        );
      }),
      { numRuns: 12 },
    );
  });

  test.each([
    ["joinmarket-clientserver's", CLIENTSERVER, CLIENTSERVER.length - 90],
    ["joinmarket-ng's", NG, 60],
  ])("%s, with one byte changed", async (_, whole, at) => {
    const changed = Buffer.from(whole);
    changed.writeUInt8((changed[at] as number) ^ 1, at);
    expect(await refusalOf(changed)).toMatch(/^WALLETD_(?:FILE_CORRUPT|WRONG_PASSWORD)$/);
  });

  test("numbers that no wallet has", async () => {
    const text = PLAIN.toString("latin1");
    // Written as joinmarket-clientserver writes them, and far past what anybody has handed out.
    const next = text.replace(/11:index_cached1:0d1:0i\d+e/, "11:index_cached1:0d1:0i999999999e");
    const negative = text.replace(/11:index_cached1:0d1:0i\d+e/, "11:index_cached1:0d1:0i-5e");
    // Each of them might be, all of them together are not.
    const many = text.replace(/11:index_cached(?:1:\dd(?:1:\di\d+e)+e)+/, (cache) =>
      cache.replace(/i\d+e/g, "i99999e"),
    );
    for (const changed of [next, negative, many]) {
      expect(changed).not.toBe(text);
      expect(await refusalOf(Buffer.from(changed, "latin1"))).toBe("WALLETD_FILE_CORRUPT");
    }
  });
});

test("a disk that fails at any step leaves the other program's file, or ours whole with the original beside it", async () => {
  const path = join(directory, "old.jmdat");
  for (let atStep = 0; ; atStep++) {
    const disk = new MemoryDisk();
    disk.put(path, CLIENTSERVER);
    disk.plan({ atStep, how: "ENOSPC", chance: () => 0.5 });
    const store = await folderOn("regtest", disk)
      .open("old", "hunter2")
      .catch(() => undefined);
    const { steps } = disk;
    disk.plan(undefined);
    await store?.close();
    const isTheirs = disk.bytesOf(path).equals(CLIENTSERVER);
    const original = `${path}.original-1`;
    // What is left of a lock that could not be removed stands in nobody's way.
    const others = disk.names().filter((name) => name !== path && !name.includes(".lock"));
    if (isTheirs) expect(others.filter((name) => name !== original)).toEqual([]);
    else expect(disk.bytesOf(original)).toEqual(CLIENTSERVER);
    if (store !== undefined && steps <= atStep) break;
  }
});

test("plain words, a good file and its form are told without a password", async () => {
  for (const [bytes, form] of [
    [CLIENTSERVER, "clientserver"],
    [PLAIN, "clientserver-plain"],
    [NG, "joinmarket-ng"],
    [LEGACY, "joinmarket-ng-legacy"],
    [WORDS, "words"],
    [Buffer.from("x"), "unknown"],
  ] as const) {
    writeFileSync(join(directory, "a.jmdat"), bytes);
    expect(await folderOn().form("a")).toBe(form);
  }
  expect(await folderOn().form("gone")).toBe("unknown");
});
