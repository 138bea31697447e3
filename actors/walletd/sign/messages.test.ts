/** What a wallet's keys sign for people, by path and by address, in each form; and who is told that they have not. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  knownWallet,
  type Owned,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(9);
const STRANGER = knownWallet(8);
const MESSAGE = "it is mine, für immer";

let under: WalletdUnderTest;
let owned: Owned;
let nested: Owned;
beforeAll(async () => {
  under = await WalletdUnderTest.start(stillWorld(), { config: { mixdepths: 2, gap: 4 } });
  owned = await under.recovered("native", WALLET.words, { hasBonds: true });
  nested = await under.recovered("nested", knownWallet(7, "bip49").words, { type: "bip49" });
}, 60_000);
afterAll(() => under.stop());

const operator = () => under.as("operator");
const place = (index: number, wallet = WALLET) => wallet.keys.key({ mixdepth: 1, chain: 0, index });

it.each(["clientserver", "bip137", "bip322"] as const)(
  "signs as %s for a path, for the path as others write it, and for the address; and knows its form again",
  async (form) => {
    const { pathText, address } = place(2);
    const paths = [pathText, pathText.replaceAll("'", "h"), address];

    const signed = await Promise.all(
      paths.map((path) => operator().signMessage({ ...owned, path, message: MESSAGE, form })),
    );
    const { signature } = signed[0] ?? { signature: "" };

    expect(signed).toEqual(paths.map(() => ({ address, signature })));
    expect(await operator().verifyMessage({ address, message: MESSAGE, signature })).toEqual({ form });
    const others = { address: place(3).address, message: MESSAGE, signature };
    expect(await operator().verifyMessage(others)).toEqual({ form: null });
    expect(await operator().verifyMessage({ address, message: "it is not", signature })).toEqual({
      form: null,
    });
  },
);

it("signs for nested addresses in the forms that have a place for them", async () => {
  const path = "m/49'/1'/0'/0/0";
  const ask = (form: "bip137" | "bip322") =>
    operator().signMessage({ ...nested, path, message: MESSAGE, form });

  const { address, signature } = await ask("bip137");

  expect(await operator().verifyMessage({ address, message: MESSAGE, signature })).toEqual({
    form: "bip137",
  });
  await expect(ask("bip322")).rejects.toMatchObject({
    code: "WALLETD_NO_SUCH_PLACE",
    message: expect.stringContaining("bip137"),
  });
});

it("signs for nobody else's address, for no bond, and for no path of another network or kind", async () => {
  const { address: bond } = await operator().bondAddress({ ...owned, lockDate: "2031-06" });
  const strange = place(0, STRANGER).address;

  for (const path of [strange, bond, "m/84'/0'/0'/0/0", "m/49'/1'/0'/0/0", "m/84'/1'/0'", "hello"]) {
    await expect(operator().signMessage({ ...owned, path, message: MESSAGE })).rejects.toMatchObject({
      code: "WALLETD_NO_SUCH_PLACE",
    });
  }
});

it("says of what is no address that it is none, instead of calling its signature false", async () => {
  const claim = {
    address: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    message: MESSAGE,
    signature: "H13W",
  };

  await expect(operator().verifyMessage(claim)).rejects.toMatchObject({ code: "WALLETD_ADDRESS" });
});
