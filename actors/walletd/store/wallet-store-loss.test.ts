/** What a wallet file holds after failures and losses of power at every step, against a model that remembers all. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { MemoryDisk, PowerLoss } from "../../../tests/harness/walletd/memory-disk.ts";
import {
  CHEAP,
  changeArbitrary,
  emptyWallet,
  LOCK,
  placeOn,
  STORE_PATH,
} from "../../../tests/harness/walletd/wallet-changes.ts";
import { applyChange, type WalletChange } from "./wallet-change.ts";
import { WalletFolder } from "./wallet-folder.ts";
import type { WalletState } from "./wallet-state.ts";
import { WalletStore } from "./wallet-store.ts";

type Step =
  | { readonly do: "append"; readonly groups: readonly (readonly WalletChange[])[] }
  | { readonly do: "compact" }
  | { readonly do: "password"; readonly next: string };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      groups: fc.array(fc.array(changeArbitrary, { minLength: 1, maxLength: 3 }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("password" as const), next: fc.constantFrom("one", "two") }),
  },
);

/** Every state that the wallet was ever asked to be in, and how many of them it has answered for. */
class Model {
  readonly asked: WalletState[] = [emptyWallet().state];
  answered = 0;
  passwords = new Set(["first"]);

  ask(changes: readonly WalletChange[]): number {
    const next = structuredClone(this.asked.at(-1)) as WalletState;
    for (const change of changes) applyChange(next, change);
    this.asked.push(next);
    return this.asked.length - 1;
  }
}

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function play(store: WalletStore, steps: readonly Step[], model: Model): Promise<void> {
  let password = "first";
  for (const step of steps) {
    if (step.do === "append") {
      await Promise.all(
        step.groups.map(async (changes) => {
          const answer = store.append(...changes);
          const number = model.ask(changes);
          await answer;
          model.answered = Math.max(model.answered, number);
        }),
      );
    } else if (step.do === "compact") await store.compact();
    else {
      model.passwords.add(step.next);
      await store.changePassword(password, step.next);
      password = step.next;
      model.passwords = new Set([password]);
    }
  }
}

async function openWithAny(disk: MemoryDisk, passwords: Iterable<string>): Promise<WalletStore> {
  let last: unknown;
  for (const password of passwords) {
    try {
      return await WalletStore.open(placeOn(disk), LOCK, password);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

async function stepsOf(steps: readonly Step[]): Promise<number> {
  const disk = new MemoryDisk();
  const store = await WalletStore.create(placeOn(disk), LOCK, "first", emptyWallet());
  disk.plan({ atStep: -1, how: "power", chance: () => 0 });
  await play(store, steps, new Model());
  return disk.steps;
}

async function losePowerAt(steps: readonly Step[], atStep: number, seed: number): Promise<void> {
  const chance = seeded(seed);
  const disk = new MemoryDisk();
  const store = await WalletStore.create(placeOn(disk), LOCK, "first", emptyWallet());
  const model = new Model();
  disk.plan({ atStep, how: "power", chance });
  await play(store, steps, model).catch(() => undefined);

  const after = await openWithAny(disk.afterPowerLoss(chance), model.passwords);

  const found = model.asked.findLastIndex((state) => isSame(state, after.state));
  expect(found).toBeGreaterThanOrEqual(model.answered);
  expect(Buffer.from(after.withSecrets(({ entropy }) => Buffer.from(entropy)))).toEqual(
    emptyWallet().secrets.entropy,
  );
  // And it goes on from there.
  await after.append({ kind: "setting", key: "after", value: "all" });
  await after.close();
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

test("a loss of power at any step loses nothing that was answered and keeps each change once and whole", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(stepArbitrary, { minLength: 1, maxLength: 5 }),
      fc.nat(),
      fc.nat(),
      async (steps, at, seed) => {
        const count = await stepsOf(steps);
        await losePowerAt(steps, at % (count + 1), seed);
      },
    ),
    { numRuns: 200 },
  );
});

test("a loss of power between any two steps of a new snapshot and of a new password leaves the old or the new", async () => {
  const steps: Step[] = [
    { do: "append", groups: [[{ kind: "setting", key: "a", value: "x".repeat(2_000) }]] },
    { do: "compact" },
    {
      do: "append",
      groups: [[{ kind: "setting", key: "b", value: "2" }], [{ kind: "born", creationHeight: 7 }]],
    },
    { do: "password", next: "two" },
    // So much that the next change makes a new snapshot by itself.
    { do: "append", groups: [[{ kind: "cached", key: "c", value: "0".repeat(300_000) }]] },
    {
      do: "append",
      groups: [[{ kind: "setting", key: "d", value: "3" }], [{ kind: "born", creationHeight: 8 }]],
    },
  ];
  const count = await stepsOf(steps);

  for (let at = 0; at <= count; at++) {
    for (let seed = 0; seed < 6; seed++) await losePowerAt(steps, at, seed * 7_919 + at);
  }
  expect(count).toBeGreaterThan(15);
});

test.each(["ENOSPC", "EROFS", "EIO"])(
  "a disk that says %s once loses nothing else, and the wallet goes on",
  async (how) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(changeArbitrary, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 6 }),
        fc.nat(),
        fc.nat(),
        async (groups, at, seed) => {
          const chance = seeded(seed);
          const disk = new MemoryDisk();
          const store = await WalletStore.create(placeOn(disk), LOCK, "first", emptyWallet());
          disk.plan({ atStep: at % groups.length, how, chance });
          const kept = structuredClone(store.state) as WalletState;
          let refused = 0;
          for (const changes of groups) {
            try {
              await store.append(...changes);
              for (const change of changes) applyChange(kept, change);
            } catch (error) {
              refused++;
              expect((error as { code: string }).code).toBe(
                { ENOSPC: "WALLETD_DISK_FULL", EROFS: "WALLETD_DISK_READ_ONLY", EIO: "WALLETD_DISK_FAILED" }[
                  how
                ],
              );
            }
            expect(isSame(store.state, kept)).toBe(true);
          }
          expect(refused).toBe(1);
          await store.close();

          const again = await WalletStore.open(placeOn(disk), LOCK, "first");

          expect(isSame(again.state, kept)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  },
);

test("when there is no room for a new snapshot the old file goes on, and the folder keeps no draft", async () => {
  const disk = new MemoryDisk();
  const reported: string[] = [];
  const place = { ...placeOn(disk), report: (error: { code: string }) => reported.push(error.code) };
  const store = await WalletStore.create(place, LOCK, "first", emptyWallet());
  for (let index = 0; index < 33; index++) {
    await store.append({ kind: "cached", key: `k${index}`, value: "0".repeat(8_000) });
  }
  // The next append begins with removing an old draft and making a new one.
  disk.plan({ atStep: 2, how: "ENOSPC", chance: () => 0.5 });
  await store.append({ kind: "setting", key: "a", value: "b" });
  await store.close();
  disk.plan(undefined);

  const again = await WalletStore.open(place, LOCK, "first");

  expect(reported).toEqual(["WALLETD_DISK_FULL"]);
  expect(again.state.settings).toEqual({ a: "b" });
  expect(Object.keys(again.state.cache)).toHaveLength(33);
  expect(disk.names()).toEqual([STORE_PATH]);
});

test("everyone who waits for a write that fails is told, and nobody else", async () => {
  const disk = new MemoryDisk();
  const store = await WalletStore.create(placeOn(disk), LOCK, "first", emptyWallet());
  await store.append({ kind: "setting", key: "before", value: "1" });
  disk.plan({ atStep: 0, how: "ENOSPC", chance: () => 0.3 });

  const results = await Promise.allSettled([
    store.append({ kind: "setting", key: "a", value: "1" }),
    store.append({ kind: "setting", key: "b", value: "1" }),
    store.transact((state) => ({ changes: [], result: Object.keys(state.settings) })),
  ]);
  const after = await store.transact((state) => ({ changes: [], result: Object.keys(state.settings) }));

  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(after).toEqual(["before"]);
});

test("a power loss is no refusal that anybody would take for a full disk", async () => {
  const disk = new MemoryDisk();
  const store = await WalletStore.create(placeOn(disk), LOCK, "first", emptyWallet());
  disk.plan({ atStep: 0, how: "power", chance: () => 0 });

  const error = await store
    .append({ kind: "setting", key: "a", value: "1" })
    .catch((thrown: Error) => thrown);

  expect(error).toMatchObject({ code: "WALLETD_DISK_FAILED" });
  expect((error as Error).cause).toBeInstanceOf(PowerLoss);
  await expect(store.append({ kind: "born", creationHeight: 1 })).rejects.toMatchObject({
    code: "WALLETD_DISK_FAILED",
  });
});

test("a loss of power while another program's file becomes ours leaves that file or ours, and the original in either case", async () => {
  const original = Buffer.from(
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
  );
  const folderOn = (disk: MemoryDisk) =>
    new WalletFolder({
      directory: "/wallets",
      network: "regtest",
      clock: new ManualClock(),
      disk,
      cost: CHEAP,
      report() {},
    });
  let lost = 0;
  for (let at = 0; ; at++) {
    const disk = new MemoryDisk();
    disk.put(STORE_PATH, original);
    disk.plan({ atStep: at, how: "power", chance: seeded(at) });
    const opened = await folderOn(disk)
      .open("a", "first")
      .catch(() => undefined);
    await opened?.close().catch(() => undefined);
    const after = disk.afterPowerLoss(seeded(at));

    const store = await folderOn(after).open("a", "first");
    expect(store.withSecrets(({ entropy }) => Buffer.from(entropy))).toEqual(Buffer.alloc(16));
    expect(after.bytesOf(`${STORE_PATH}.original-1`)).toEqual(original);
    await store.close();
    expect(after.names().filter((name) => /new$|original-2/.test(name))).toEqual([]);
    if (disk.steps <= at) break;
    lost++;
  }
  expect(lost).toBeGreaterThan(10);
});
