/** Making keys of passwords beside everything else that walletd does. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { KeyMaker } from "./password-key.ts";

const COST = { memoryKib: 4_096, passes: 3, lanes: 1 };
const SALT = Buffer.alloc(16, 7);

it("keys that are asked for together let others have their turn between them", async () => {
  const order: string[] = [];
  const maker = new KeyMaker();
  // As the real ones, once they are begun, they are made in one go.
  const keys = [1, 2, 3, 4].map((number) => maker.inTurn(async () => order.push(`key ${number}`)));
  const signing = (async () => {
    await keys[0];
    // The request comes in, and is written down before it is answered.
    for (let turn = 0; turn < 2; turn++) await nextTurn();
    order.push("signed");
  })();
  await Promise.all([...keys, signing]);

  expect(order.filter((what) => what !== "signed")).toEqual(["key 1", "key 2", "key 3", "key 4"]);
  expect(order.indexOf("signed")).toBeLessThan(order.indexOf("key 4"));
});

it("a key that cannot be made does not keep the next one waiting", async () => {
  const maker = new KeyMaker();
  const bad = maker.argon2("argon2id", "password", Buffer.alloc(1), COST);
  const good = maker.argon2("argon2id", "password", SALT, COST);

  await expect(bad).rejects.toThrow(/salt/i);
  await expect(good).resolves.toHaveLength(32);
});
