import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { CHEAP, emptyWallet } from "../../../tests/harness/walletd/wallet-changes.ts";
import vectors from "../../../tests/vectors/wallet-files.json" with { type: "json" };
import { systemDisk } from "./disk.ts";
import { KeyMaker } from "./password-key.ts";
import { WalletFolder, walletFileName } from "./wallet-folder.ts";
import type { WalletStore } from "./wallet-store.ts";

let directory: string;
let clock: ManualClock;
let folder: WalletFolder;
const open: WalletStore[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trp-store-"));
  clock = new ManualClock();
  folder = folderFor("regtest");
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const folderFor = (network: string) =>
  new WalletFolder({
    directory,
    network,
    clock,
    cost: CHEAP,
    report(error) {
      throw error;
    },
  });
const create = async (name = "a", password = "first") =>
  kept(await folder.create(name, password, emptyWallet()));
const reopen = async (name = "a", password = "first") => kept(await folder.open(name, password));

function kept(store: WalletStore): WalletStore {
  open.push(store);
  return store;
}

test("what was changed is there after closing and opening, and the secrets are what they were", async () => {
  const store = await create();
  await store.append({ kind: "address.issued", mixdepth: 0, chain: 0, nextIndex: 5 });
  await store.append({ kind: "label", type: "addr", ref: "bcrt1qx", label: "Miete ü 💶" });
  const before = structuredClone(store.state);
  await store.close();

  const again = await reopen("a.jmdat");

  expect(again.state).toEqual(before);
  const secrets = again.withSecrets((lent) => structuredClone(lent));
  expect(secrets).toEqual(structuredClone(emptyWallet().secrets));
});

test("an index of addresses never goes back", async () => {
  const store = await create();
  await store.append({ kind: "address.issued", mixdepth: 0, chain: 0, nextIndex: 5 });
  await store.append({ kind: "address.issued", mixdepth: 0, chain: 0, nextIndex: 3 });

  expect(store.state.nextIndexes).toEqual({ "0/0": 5 });
});

test("a hundred decisions at once each see all before them, and share writes", async () => {
  const store = await create();
  const issue = () =>
    store.transact((state) => {
      const index = state.nextIndexes["0/0"] ?? 0;
      return {
        changes: [{ kind: "address.issued", mixdepth: 0, chain: 0, nextIndex: index + 1 }],
        result: index,
      };
    });

  const indexes = await Promise.all(Array.from({ length: 100 }, issue));

  expect(indexes).toEqual(Array.from({ length: 100 }, (_, index) => index));
  // A record has 48 bytes of its own beside its changes: a hundred records would be twice as long.
  expect(readFileSync(join(directory, "a.jmdat")).length).toBeLessThan(10_000);
});

test("a change that does not fit is refused before anything is changed or written", async () => {
  const store = await create();
  const before = structuredClone(store.state);
  const bytes = readFileSync(join(directory, "a.jmdat"));

  const wrong = store.append({ kind: "setting", key: "a", value: "b" }, { kind: "born", creationHeight: -1 });

  await expect(wrong).rejects.toThrow();
  expect(store.state).toEqual(before);
  expect(readFileSync(join(directory, "a.jmdat"))).toEqual(bytes);
});

test("a new snapshot is shorter, under other keys, and holds the same", async () => {
  const store = await create();
  for (let index = 1; index <= 50; index++) {
    await store.append({ kind: "address.issued", mixdepth: 0, chain: 0, nextIndex: index });
  }
  const grown = readFileSync(join(directory, "a.jmdat"));
  await store.compact();
  const folded = readFileSync(join(directory, "a.jmdat"));
  await store.append({ kind: "address.issued", mixdepth: 0, chain: 1, nextIndex: 9 });
  await store.close();

  expect(folded.length).toBeLessThan(grown.length);
  expect(folded.subarray(32, 48)).not.toEqual(grown.subarray(32, 48));
  expect((await reopen()).state.nextIndexes).toEqual({ "0/0": 50, "0/1": 9 });
});

describe("passwords", () => {
  test("the new one opens and the old one does not", async () => {
    const store = await create();
    await store.changePassword("first", "zweites Paßwort");
    await store.append({ kind: "setting", key: "a", value: "b" });
    await store.close();

    await expect(folder.open("a", "first")).rejects.toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
    expect((await reopen("a", "zweites Paßwort")).state.settings).toEqual({ a: "b" });
  });

  test("it is not changed for somebody who does not know the present one", async () => {
    const store = await create();

    await expect(store.changePassword("wrong", "mine")).rejects.toMatchObject({
      code: "WALLETD_WRONG_PASSWORD",
    });
    await store.close();
    await reopen();
  });

  test("an empty one is one like any other", async () => {
    await (await create("a", "")).close();

    await expect(folder.open("a", "\0\0")).rejects.toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
    await reopen("a", "");
  });

  test("after three wrong ones every try waits, longer each time, and a clock that is set back shortens nothing", async () => {
    await (await create()).close();
    const guess = (password = "wrong") => folder.open("a", password).catch((error) => error);
    for (let tries = 0; tries < 3; tries++) expect((await guess()).code).toBe("WALLETD_WRONG_PASSWORD");

    const right = await guess("first");
    expect(right).toMatchObject({ code: "WALLETD_TOO_MANY_TRIES", data: { retryAfterMs: 1_000 } });
    clock.advance(1_000);
    expect((await guess()).code).toBe("WALLETD_WRONG_PASSWORD");
    expect((await guess()).data.retryAfterMs).toBe(2_000);
    for (let tries = 0; tries < 20; tries++) {
      clock.advance(120_000);
      await guess();
    }
    expect((await guess()).data.retryAfterMs).toBe(60_000);
    clock.advance(60_000);
    await reopen();
  });

  test("a right one makes the earlier wrong ones forgotten, and wallets do not pay for each other", async () => {
    await (await create()).close();
    await (await create("b")).close();
    for (let tries = 0; tries < 3; tries++) await folder.open("b", "wrong").catch(() => undefined);
    for (let tries = 0; tries < 2; tries++) await folder.open("a", "wrong").catch(() => undefined);
    await (await reopen()).close();
    for (let tries = 0; tries < 2; tries++) await folder.open("a", "wrong").catch(() => undefined);

    await reopen();
  });

  test("an open wallet's password is checked at the same cost and under the same rule", async () => {
    const store = await create();
    await folder.checkPassword(store, "first");
    for (let tries = 0; tries < 3; tries++) {
      await expect(folder.checkPassword(store, "wrong")).rejects.toMatchObject({
        code: "WALLETD_WRONG_PASSWORD",
      });
    }

    await expect(folder.checkPassword(store, "first")).rejects.toMatchObject({
      code: "WALLETD_TOO_MANY_TRIES",
    });
  });
});

describe("the folder", () => {
  test("lists wallet files and nothing else that lies there", async () => {
    await create("b");
    await create("a ü");
    writeFileSync(join(directory, "notes.txt"), "");
    writeFileSync(join(directory, ".hidden.jmdat"), "");

    expect(await folder.list()).toEqual(["a ü.jmdat", "b.jmdat"]);
  });

  test("a file is for its owner only, and nothing else stays behind", async () => {
    const store = await create();
    await store.compact();
    await store.close();

    expect(readdirSync(directory)).toEqual(["a.jmdat"]);
    expect((await import("node:fs")).statSync(join(directory, "a.jmdat")).mode & 0o777).toBe(0o600);
  });

  test("a name that is taken is refused and the file is left alone", async () => {
    await (await create()).close();
    const before = readFileSync(join(directory, "a.jmdat"));

    await expect(folder.create("a", "other", emptyWallet())).rejects.toMatchObject({
      code: "WALLETD_FILE_EXISTS",
    });
    expect(readFileSync(join(directory, "a.jmdat"))).toEqual(before);
  });

  test("a wallet that is open is not opened again, and is as soon as it is closed", async () => {
    const store = await create();

    await expect(folder.open("a", "first")).rejects.toMatchObject({ code: "WALLETD_FILE_LOCKED" });
    await store.close();
    await reopen();
  });

  test("a lock file that somebody left behind is in nobody's way", async () => {
    await (await create()).close();
    writeFileSync(join(directory, "a.jmdat.lock"), `${process.ppid} left behind\n`);

    await reopen();
  });

  test("a wallet that is not there, of another network, or of a later release is each told apart", async () => {
    await (await create()).close();
    const bytes = readFileSync(join(directory, "a.jmdat"));
    writeFileSync(
      join(directory, "later.jmdat"),
      Buffer.concat([Buffer.from("TRPWLT02"), bytes.subarray(8)]),
    );
    writeFileSync(join(directory, "strange.jmdat"), "hello");

    await expect(folder.open("none", "first")).rejects.toMatchObject({ code: "WALLETD_FILE_MISSING" });
    await expect(folderFor("mainnet").open("a", "first")).rejects.toMatchObject({
      code: "WALLETD_FILE_NETWORK",
    });
    await expect(folder.open("later", "first")).rejects.toMatchObject({ code: "WALLETD_FILE_VERSION" });
    await expect(folder.open("strange", "first")).rejects.toMatchObject({ code: "WALLETD_FILE_UNKNOWN" });
    await reopen();
  });

  test.each([
    "",
    ".",
    "..",
    ".jmdat",
    "../x",
    "a/b.jmdat",
    "a\\b",
    "a\0b",
    "a\nb",
    " a",
    "a ",
    "a.",
    "-x",
    "x".repeat(101),
    "💶",
  ])("%j is no name of a wallet", async (name) => {
    expect(() => walletFileName(name)).toThrow(expect.objectContaining({ code: "WALLETD_BAD_NAME" }));
    await expect(folder.create(name, "x", emptyWallet())).rejects.toMatchObject({ code: "WALLETD_BAD_NAME" });
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("a file of another program in the folder", () => {
  const clientserver = Buffer.from(vectors.published.clientserver, "hex");
  const entropyOf = (store: WalletStore) =>
    store.withSecrets(({ entropy }) => Buffer.from(entropy).toString("hex"));

  test("becomes ours with its password when it is opened, and the original stays", async () => {
    writeFileSync(join(directory, "old.jmdat"), clientserver);

    const store = await reopen("old", "hunter2");
    await store.append({ kind: "setting", key: "a", value: "b" });
    await store.close();

    expect(readdirSync(directory).sort()).toEqual(["old.jmdat", "old.jmdat.original-1"]);
    expect(readFileSync(join(directory, "old.jmdat.original-1"))).toEqual(clientserver);
    const again = await reopen("old", "hunter2");
    expect([entropyOf(again), again.state.settings]).toEqual(["00".repeat(16), { a: "b" }]);
    expect(await folder.list()).toEqual(["old.jmdat"]);
  });

  test("any refusal leaves everything as it was", async () => {
    writeFileSync(join(directory, "old.jmdat"), clientserver);

    await expect(folder.open("old", "wrong")).rejects.toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
    await expect(folderFor("mainnet").open("old", "hunter2")).rejects.toMatchObject({
      code: "WALLETD_FILE_NETWORK",
    });
    expect(readdirSync(directory)).toEqual(["old.jmdat"]);
    expect(readFileSync(join(directory, "old.jmdat"))).toEqual(clientserver);
  });

  test("is not touched while joinmarket-clientserver has it open, and is when that has died", async () => {
    writeFileSync(join(directory, "old.jmdat"), clientserver);
    writeFileSync(join(directory, ".old.jmdat.lock"), String(process.pid));

    await expect(folder.open("old", "hunter2")).rejects.toMatchObject({ code: "WALLETD_FILE_LOCKED" });
    writeFileSync(join(directory, ".old.jmdat.lock"), "999999999");
    await reopen("old", "hunter2");
  });

  test("is imported from elsewhere under a name that is free", async () => {
    const words = Buffer.from("legal winner thank year wave sausage worth useful legal winner thank yellow");
    const store = kept(await folder.import("new", { bytes: words, password: "mine", passphrase: "TREZOR" }));

    expect(entropyOf(store)).toBe("7f".repeat(16));
    expect(store.withSecrets(({ passphrase }) => Buffer.from(passphrase).toString())).toBe("TREZOR");
    await expect(folder.import("new", { bytes: words, password: "mine" })).rejects.toMatchObject({
      code: "WALLETD_FILE_EXISTS",
    });
    await store.close();
    await expect(folder.import("new", { bytes: words, password: "mine" })).rejects.toMatchObject({
      code: "WALLETD_FILE_EXISTS",
    });
  });
});

describe("what is in the file and in memory", () => {
  test("no word of the wallet can be read in the file, and an error shows neither password nor secret", async () => {
    const store = await create("a", "correct horse");
    await store.append({ kind: "label", type: "addr", ref: "bcrt1qexample", label: "rent" });
    const file = readFileSync(join(directory, "a.jmdat")).toString("latin1");
    const refused = await store
      .changePassword("wrong horse", "new horse")
      .catch((error) => inspect(error, { depth: 9 }));

    for (const word of ["bcrt1qexample", "rent", "TREZOR", "regtest", "horse"])
      expect(file).not.toContain(word);
    expect(file).not.toContain(Buffer.from(emptyWallet().secrets.entropy).toString("latin1"));
    expect(refused).not.toContain("horse");
  });

  test("secrets are wiped when whoever borrowed them is done, also when that fails", async () => {
    const store = await create();
    let lent: Uint8Array = new Uint8Array();

    store.withSecrets(({ entropy }) => {
      lent = entropy;
    });
    expect(lent.every((byte) => byte === 0)).toBe(true);
    expect(() =>
      store.withSecrets(({ passphrase }) => {
        lent = passphrase;
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(lent.every((byte) => byte === 0)).toBe(true);
  });

  test("a wallet that was closed gives nothing away and takes no change", async () => {
    const store = await create();
    await Promise.all([store.append({ kind: "born", creationHeight: 1 }), store.close()]);
    await store.close();

    expect(() => store.withSecrets(() => 1)).toThrow(
      expect.objectContaining({ code: "WALLETD_STORE_CLOSED" }),
    );
    await expect(store.append({ kind: "born", creationHeight: 1 })).rejects.toMatchObject({
      code: "WALLETD_STORE_CLOSED",
    });
    await expect(store.compact()).rejects.toMatchObject({ code: "WALLETD_STORE_CLOSED" });
    await expect(store.checkPassword("first")).rejects.toMatchObject({ code: "WALLETD_STORE_CLOSED" });
    expect((await reopen()).state.creationHeight).toBe(1);
  });
});

test("the usual cost of a password is Argon2id with 64 MiB, and is in the file's head", async () => {
  const usual = new WalletFolder({ directory, network: "regtest", clock, report() {} });
  const store = kept(await usual.create("full", "first", emptyWallet()));
  await store.close();
  const head = (await systemDisk.read(join(directory, "full.jmdat")))?.subarray(0, 16).toString("hex");

  expect(head).toBe(`${Buffer.from("TRPWLT01").toString("hex")}01040003${"00010000"}`);
  await expect(new KeyMaker().derive("x", { memoryKib: 65_536, passes: 3, lanes: 4 })).resolves.toBeDefined();
});
