/** Wallet files of other programs: published vectors byte for byte, and files that those programs wrote themselves. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newMnemonic } from "../../../bitcoin/keys/mnemonic.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { changeArbitrary } from "../../../tests/harness/walletd/wallet-changes.ts";
import vectors from "../../../tests/vectors/wallet-files.json" with { type: "json" };
import { KeyMaker } from "../store/password-key.ts";
import { applyChange } from "../store/wallet-change.ts";
import type { WalletSecrets } from "../store/wallet-secrets.ts";
import { newWalletState } from "../store/wallet-state.ts";
import { readClientserver, writeClientserver } from "./clientserver.ts";
import { openContainer, sealContainer } from "./clientserver-crypto.ts";
import { writeJoinmarketNg } from "./joinmarket-ng/wallet-file.ts";
import { formOf, openForeign } from "./open-foreign.ts";

const ABANDON = `${"abandon ".repeat(11)}about`;
const SALT = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
const IV = Buffer.from("101112131415161718191a1b1c1d1e1f", "hex");
const { published } = vectors;

const keys = new KeyMaker();
const under = (password: string) => ({ password, keys });
const open = (bytes: Buffer, password = "hunter2", network = "regtest") =>
  openForeign({ bytes, password, network, wallet: "a.jmdat", passphrase: "", keys });
const codeOf = (opening: Promise<unknown>) =>
  opening.then(
    () => "opened",
    (error) => error.code,
  );
const wordsOf = ({ entropy }: WalletSecrets) => newMnemonic(entropy).words.join(" ");
const clientserverFile = (name: string) => {
  const found = vectors.clientserver.find((file) => file.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return { ...found, bytes: Buffer.from(found.file, "base64") };
};
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const token = Buffer.from(published.joinmarketNgToken);
const ngFile = Buffer.concat([Buffer.from(published.joinmarketNgHead, "hex"), token]);

describe("the published files", () => {
  const bytes = Buffer.from(published.clientserver, "hex");
  const unpadded = Buffer.from(published.clientserverWithoutPadding, "hex");
  const freshly = (passphrase: string) => ({
    state: newWalletState({
      network: "regtest",
      scriptType: "bip84",
      hasBonds: true,
      createdAtMs: Date.UTC(2024, 0, 1),
    }),
    secrets: { entropy: Buffer.alloc(16), passphrase: Buffer.from(passphrase), importedKeys: [] },
  });

  test("joinmarket-clientserver's is opened, and written again byte for byte", async () => {
    const { state, secrets } = await open(bytes);

    expect(formOf(bytes)).toBe("clientserver");
    expect(wordsOf(secrets)).toBe(ABANDON);
    expect(state).toMatchObject({
      ...freshly("").state,
      origin: { program: "joinmarket-clientserver", kept: {} },
    });
    expect(
      (await writeClientserver(freshly(""), under("hunter2"), { salt: SALT, iv: IV })).toString("hex"),
    ).toBe(published.clientserver);
  });

  test("the one that needs no padding has none", async () => {
    const { secrets } = await open(unpadded);

    expect(Buffer.from(secrets.passphrase).toString()).toBe("ab");
    expect(
      (await writeClientserver(freshly("ab"), under("hunter2"), { salt: SALT, iv: IV })).toString("hex"),
    ).toBe(published.clientserverWithoutPadding);
  });

  test("joinmarket-ng's is opened, and written again byte for byte", async () => {
    expect(sha256(ngFile)).toBe(published.joinmarketNgSha256);
    const { state, secrets } = await open(ngFile);

    expect(wordsOf(secrets)).toBe(ABANDON);
    expect(state).toMatchObject({ creationHeight: 100, scriptType: "bip84", hasBonds: true });
    const random = { salt: SALT, iv: IV, seconds: 1_700_000_000 };
    expect(sha256(await writeJoinmarketNg({ state, secrets }, under("hunter2"), random))).toBe(
      published.joinmarketNgSha256,
    );
  });

  test("a wrong password is told as such, not as a damaged file", async () => {
    for (const file of [bytes, unpadded, ngFile]) {
      expect(await codeOf(open(file, "hunter3"))).toBe("WALLETD_WRONG_PASSWORD");
    }
  });
});

describe("files that joinmarket-clientserver wrote", () => {
  test("everything that its owner did is taken over", async () => {
    const file = clientserverFile("rich.jmdat");
    const { state, secrets } = await open(file.bytes);

    expect(wordsOf(secrets)).toBe(file.words);
    expect(Buffer.from(secrets.passphrase).toString()).toBe(file.passphrase);
    expect(state).toMatchObject({ network: "regtest", scriptType: "bip84", hasBonds: true, mixdepths: 5 });
    expect(state.nextIndexes).toMatchObject({ "0/0": 3, "3/1": 1 });
    const [address, label] = file.label as [string, string];
    expect(state.labels).toEqual({ [`addr ${address}`]: label });
    expect(state.frozen).toEqual(
      Object.fromEntries(
        Object.entries(file.frozen as Record<string, boolean>).map(([outpoint, isFrozen]) => [
          outpoint,
          { isFrozen, why: "import" },
        ]),
      ),
    );
    expect(secrets.importedKeys).toEqual([
      { mixdepth: 2, index: 1, scriptKind: 5, isCompressed: true, privateKey: Buffer.alloc(32, 0x11) },
    ]);
    expect(Object.keys(state.origin?.kept ?? {}).sort()).toEqual(["burner-out", "future key"]);
    expect(state.createdAtMs).toBeGreaterThan(Date.UTC(2026, 0, 1));
  });

  test("what is written for it holds all of that again, its own unknown entries too", async () => {
    const wallet = await open(clientserverFile("rich.jmdat").bytes);

    const again = await open(await writeClientserver(wallet, under("new")), "new");

    expect(again).toEqual(wallet);
  });

  test("plain ones, 24 words, BIP-49 and passwords beyond ASCII are opened", async () => {
    const plain = await open(clientserverFile("plain.jmdat").bytes, "whatever");
    const bip49 = await open(clientserverFile("legacy49.jmdat").bytes);
    const utf8 = await open(clientserverFile("utf8.jmdat").bytes, "pässwörd");

    expect(wordsOf(plain.secrets)).toBe(clientserverFile("plain.jmdat").words);
    expect(plain.state).toMatchObject({ scriptType: "bip84", hasBonds: false, nextIndexes: { "4/0": 1 } });
    expect(bip49.state).toMatchObject({ scriptType: "bip49", hasBonds: false });
    expect(wordsOf(utf8.secrets)).toBe(clientserverFile("utf8.jmdat").words);
  });

  test("a wallet of the oldest kind, of another network, or open elsewhere is refused in its own words", async () => {
    const [legacy, plain] = [clientserverFile("p2pkh.jmdat").bytes, clientserverFile("plain.jmdat").bytes];

    expect(await codeOf(open(legacy))).toBe("WALLETD_FILE_UNSUPPORTED");
    expect(await codeOf(open(plain, "", "mainnet"))).toBe("WALLETD_FILE_NETWORK");
    expect(await codeOf(open(plain, "", "testnet"))).toBe("opened");
  });

  test("a text of any length is padded so that it comes back", async () => {
    for (const length of [7, 8, 9, 23, 24]) {
      const content = Buffer.alloc(length, "e");
      const sealed = await sealContainer(content, under("x"));

      expect(await openContainer(sealed, under("x"), "a")).toEqual(content);
    }
  });
});

describe("files that joinmarket-ng wrote", () => {
  test.each(vectors.joinmarketNg.files)(
    "$name is opened",
    async ({ file, words, password, creationHeight }) => {
      const { state, secrets } = await open(Buffer.from(file, "base64"), password);

      expect(wordsOf(secrets)).toBe(words);
      expect(state.creationHeight ?? null).toBe(creationHeight);
      expect(state).toMatchObject({ scriptType: "bip84", hasBonds: true });
    },
  );

  test("what it cannot hold is refused and not left out in silence", async () => {
    const { state, secrets } = await open(ngFile);
    const write = (changed: object, kept: object = {}) =>
      codeOf(
        writeJoinmarketNg({ state: { ...state, ...kept }, secrets: { ...secrets, ...changed } }, under("x")),
      );

    expect(await write({ passphrase: Buffer.from("x") })).toBe("WALLETD_FILE_UNSUPPORTED");
    expect(await write({}, { scriptType: "bip49" })).toBe("WALLETD_FILE_UNSUPPORTED");
    expect(
      await write({
        importedKeys: [
          { mixdepth: 0, index: 0, scriptKind: 2, isCompressed: true, privateKey: Buffer.alloc(32, 1) },
        ],
      }),
    ).toBe("WALLETD_FILE_UNSUPPORTED");
  });

  test("a passphrase that its owner keeps elsewhere is given with the password", async () => {
    const { secrets } = await openForeign({
      bytes: ngFile,
      ...under("hunter2"),
      passphrase: "TREZOR",
      network: "regtest",
      wallet: "a",
    });

    expect(Buffer.from(secrets.passphrase).toString()).toBe("TREZOR");
  });
});

test("words in a file are taken in any case and spacing, and refused when they do not fit together", async () => {
  expect(
    wordsOf((await open(Buffer.from(`  ${ABANDON.toUpperCase().replaceAll(" ", "  ")}\r\n`))).secrets),
  ).toBe(ABANDON);
  const wrong = await open(Buffer.from(`${"abandon ".repeat(11)}ability`)).catch((error: Error) => error);
  expect(wrong).toMatchObject({ code: "WALLETD_FILE_UNSUPPORTED" });
  expect(String(wrong)).not.toContain("abandon");
});

test("memory of any content survives the way to joinmarket-clientserver and back, as far as it has a place there", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(changeArbitrary, { maxLength: 40 }), async (changes) => {
      const { state, secrets } = await open(clientserverFile("plain.jmdat").bytes);
      for (const change of changes) applyChange(state, change);

      const again = await open(await writeClientserver({ state, secrets }, under("x")), "x");

      expect(again.state.nextIndexes).toEqual(state.nextIndexes);
      expect(again.state.mixdepths).toBe(state.mixdepths);
      expect(
        Object.fromEntries(Object.entries(again.state.frozen).map(([key, { isFrozen }]) => [key, isFrozen])),
      ).toEqual(
        Object.fromEntries(Object.entries(state.frozen).map(([key, { isFrozen }]) => [key, isFrozen])),
      );
      const ofAddresses = Object.entries(state.labels).filter(([key]) => key.startsWith("addr "));
      expect(again.state.labels).toEqual(Object.fromEntries(ofAddresses));
      expect(again.secrets).toEqual(secrets);
    }),
    { numRuns: 8 },
  );
});

test("damaged files of any form are refused with a code, and no refusal shows a word of the seed", async () => {
  const plain = clientserverFile("plain.jmdat").bytes;
  const words = Buffer.from(ABANDON);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(plain, words),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      async (file, changes, cut) => {
        const bytes = Buffer.from(file.subarray(0, file.length - (cut % 5)));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;

        const result = await open(bytes).catch((error: unknown) => error);

        if (!(result instanceof Error)) return;
        expect(result).toBeInstanceOf(TroupeError);
        expect(result.message).not.toMatch(/abandon|letter|advice/);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("bytes of nobody's form are told as such, and a forged head gets no memory", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      expect(await codeOf(open(Buffer.from(bytes)))).toBe("WALLETD_FILE_UNKNOWN");
    }),
  );
  const forged = Buffer.from(ngFile);
  forged.writeUInt32BE(0xffffffff, 6);
  expect(await codeOf(open(forged))).toBe("WALLETD_FILE_CORRUPT");
  expect(await codeOf(open(Buffer.from(ngFile).fill(9, 4, 5)))).toBe("WALLETD_FILE_VERSION");
  expect(await codeOf(open(ngFile.subarray(0, 20)))).toBe("WALLETD_FILE_TRUNCATED");
  expect(
    await codeOf(
      readClientserver({
        bytes: Buffer.from("JMENCWLTd4:data3:abce"),
        ...under(""),
        passphrase: "",
        network: "regtest",
        wallet: "a",
      }),
    ),
  ).toBe("WALLETD_FILE_CORRUPT");
  const deep = Buffer.from(`JMWALLET${"l".repeat(100_000)}${"e".repeat(100_000)}`);
  expect(await codeOf(open(deep))).toBe("WALLETD_FILE_CORRUPT");
});
