/** Wallets that we write for other programs: the bytes that those programs opened, with what they then showed. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import {
  asClientserver,
  asJoinmarketNg,
  LABEL,
  usedHere,
} from "../../../tests/harness/walletd/written-wallets.ts";
import clientserver from "../../../tests/vectors/foreign-wallets/clientserver.json" with { type: "json" };
import joinmarketNg from "../../../tests/vectors/foreign-wallets/joinmarket-ng.json" with { type: "json" };
import written from "../../../tests/vectors/foreign-wallets/written-by-us.json" with { type: "json" };

const SOURCES = [
  ...clientserver.wallets.map((their) => ({
    ...their,
    labels: "",
    // It stands in the file.
    passphrase: "",
    file: Buffer.from(their.file, "base64"),
    secret: { words: their.words, passphrase: their.passphrase },
  })),
  ...joinmarketNg.wallets.map((their) => ({
    ...their,
    name: `ng-${their.name}`,
    labels: their.metadata,
    file: Buffer.from(their.content, "base64"),
    secret: { words: their.words, passphrase: their.passphrase },
  })),
];

function source(name: string) {
  const found = SOURCES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no wallet ${name}`);
  const { file, password, passphrase, labels, next, utxos } = found;
  return { ...found, their: { file, password, passphrase, labels, next, coins: utxos } };
}

const digest = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");

test.each(written.clientserver)(
  "joinmarket-clientserver opened our $name, balance for balance",
  async (shown) => {
    const { their, secret, balances, utxos } = source(shown.name);

    expect(digest(await asClientserver(await usedHere(their)))).toBe(shown.sha256);

    expect({ words: shown.words, passphrase: shown.passphrase }).toEqual(secret);
    expect(shown.balances).toEqual(balances);
    expect(shown.utxos.map(({ outpoint, address, value }) => [outpoint, address, value])).toEqual(
      utxos.map(({ outpoint, address, value }) => [outpoint, address, value]),
    );
    const last = utxos.at(-1);
    expect(shown.utxos.find(({ outpoint }) => outpoint === last?.outpoint)).toMatchObject({
      frozen: true,
      label: LABEL,
    });
    expect(shown.next["4/0"]).toBe((their.next["4/0"] ?? 0) + 2);
  },
);

test.each(written.joinmarketNg)("joinmarket-ng opened our $name, balance for balance", async (shown) => {
  const { their, secret, balances, utxos } = source(shown.name);

  const { file, labels } = await asJoinmarketNg(await usedHere(their));
  expect([digest(file), digest(labels)]).toEqual([shown.sha256, shown.labelsSha256]);

  expect(shown.words).toBe(secret.words);
  // It hands out none that ours or its own owner has handed out.
  expect(shown.next).toEqual({ ...their.next, "4/0": (their.next["4/0"] ?? 0) + 2 });
  expect(shown.balances).toEqual(balances);
  expect(shown.utxos.map(({ outpoint, address, value, path }) => [outpoint, address, value, path])).toEqual(
    utxos.map(({ outpoint, address, value, path }) => [outpoint, address, value, path]),
  );
  const last = utxos.at(-1);
  const frozen = shown.utxos.filter((coin) => coin.frozen).map(({ outpoint }) => outpoint);
  expect(frozen).toContain(last?.outpoint);
  expect(frozen).toEqual(
    expect.arrayContaining(utxos.flatMap((coin) => (coin.frozen ? [coin.outpoint] : []))),
  );
});
