/** What it costs to be refused, counted and not timed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CHEAP, emptyWallet } from "../../../tests/harness/walletd/wallet-changes.ts";
import { HastyClock } from "../../../tests/harness/walletd/walletd-under-test.ts";
import { type KeyCost, KeyMaker, type PasswordKey } from "./password-key.ts";
import { WalletFolder } from "./wallet-folder.ts";

let directory: string;
let folder: WalletFolder;
let paid: KeyCost[];
const clock = new HastyClock();

class CountedKeys extends KeyMaker {
  override derive(password: string, cost: KeyCost, salt?: Buffer): Promise<PasswordKey> {
    paid.push(cost);
    return super.derive(password, cost, salt);
  }
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "trp-even-"));
  paid = [];
  folder = new WalletFolder({
    ...{ directory, network: "regtest", clock, report: () => undefined, cost: CHEAP },
    keys: new CountedKeys(),
  });
  await (await folder.create("there", "right", emptyWallet())).close();
  paid = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const file = () => join(directory, "there.jmdat");
const unharmed = (): void => undefined;
function damaged(change: (bytes: Buffer) => Buffer): void {
  writeFileSync(file(), change(readFileSync(file())));
}

it.each([
  ["WALLETD_WRONG_PASSWORD", "there", unharmed],
  ["WALLETD_FILE_MISSING", "nowhere", unharmed],
  ["WALLETD_FILE_CORRUPT", "there", () => damaged((bytes) => bytes.fill(0xff, 20, 30))],
  ["WALLETD_FILE_CORRUPT", "there", () => damaged((bytes) => bytes.fill(0xff, 90, 120))],
  ["WALLETD_FILE_TRUNCATED", "there", () => damaged((bytes) => bytes.subarray(0, 60))],
  ["WALLETD_FILE_VERSION", "there", () => damaged((bytes) => bytes.fill("9", 7, 8))],
  ["WALLETD_FILE_UNKNOWN", "there", () => damaged((bytes) => bytes.fill("x", 0, 8))],
] as const)("a refusal with %s of %s costs one key, as a wrong password does", async (code, name, spoil) => {
  spoil();
  const password = code === "WALLETD_FILE_CORRUPT" ? "right" : "wrong";
  await expect(folder.open(name, password)).rejects.toMatchObject({ code });
  expect(paid).toEqual([CHEAP]);
});

it("the right password costs no more, nor does one tried at an open wallet", async () => {
  const store = await folder.open("there", "right");
  await expect(folder.checkPassword(store, "wrong")).rejects.toMatchObject({
    code: "WALLETD_WRONG_PASSWORD",
  });
  await folder.checkPassword(store, "right");
  await store.close();
  expect(paid).toEqual([CHEAP, CHEAP, CHEAP]);
});

it("whoever has to wait pays nothing", async () => {
  for (let tries = 0; tries < 3; tries++) await folder.open("there", "wrong").catch(() => undefined);
  clock.stand();
  await expect(folder.open("there", "right")).rejects.toMatchObject({ code: "WALLETD_TOO_MANY_TRIES" });
  expect(paid).toHaveLength(3);
});
