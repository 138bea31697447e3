/** Wallets of no worth and changes of every kind, for tests of the wallet store. */
import fc from "fast-check";
import { KeyMaker } from "../../../actors/walletd/store/password-key.ts";
import type { WalletChange } from "../../../actors/walletd/store/wallet-change.ts";
import type { WalletSecrets } from "../../../actors/walletd/store/wallet-secrets.ts";
import { newWalletState, type WalletState } from "../../../actors/walletd/store/wallet-state.ts";
import type { MemoryDisk } from "./memory-disk.ts";

export const STORE_PATH = "/wallets/a.jmdat";

/** A password's key that costs next to nothing. */
export const CHEAP = { memoryKib: 8, passes: 1, lanes: 1 } as const;

/** Keys of one process wait for each other: all stores of a test share theirs. */
export const keys = new KeyMaker();

/** Where a store keeps the wallet "a". */
export function placeOn(disk: MemoryDisk) {
  return { disk, path: STORE_PATH, wallet: "a.jmdat", cost: CHEAP, keys, report() {} };
}

/** Nobody else wants it. */
export const LOCK = { release: async () => undefined };

export function emptyWallet(): { state: WalletState; secrets: WalletSecrets } {
  return {
    state: newWalletState({ network: "regtest", scriptType: "bip84", hasBonds: true }),
    secrets: {
      entropy: Buffer.from("000102030405060708090a0b0c0d0e0f", "hex"),
      passphrase: Buffer.from("TREZOR"),
      importedKeys: [
        { mixdepth: 3, index: 2, scriptKind: 2, isCompressed: true, privateKey: Buffer.alloc(32, 0xa5) },
      ],
    },
  };
}

const few = (name: string) => fc.integer({ min: 0, max: 4 }).map((number) => `${name}${number}`);
const txid = fc.integer({ min: 0, max: 4 }).map((number) => String(number).repeat(64));
const outpoint = fc.tuple(txid, fc.integer({ min: 0, max: 3 })).map(([id, vout]) => `${id}:${vout}`);
const atMs = fc.integer({ min: 0, max: 2 ** 45 });

export const changeArbitrary: fc.Arbitrary<WalletChange> = fc.oneof(
  fc.record({
    kind: fc.constant("address.issued" as const),
    mixdepth: fc.integer({ min: 0, max: 6 }),
    chain: fc.integer({ min: 0, max: 2 }),
    nextIndex: fc.integer({ min: 0, max: 50 }),
  }),
  fc.record({
    kind: fc.constant("coin.frozen" as const),
    outpoint,
    frozen: fc.record({
      isFrozen: fc.boolean(),
      why: fc.constantFrom("owner" as const, "reuse" as const, "bond" as const),
    }),
  }),
  fc.record({
    kind: fc.constant("label" as const),
    type: fc.constantFrom("tx" as const, "addr" as const),
    ref: few("ref"),
    label: fc.string({ maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant("reserved" as const),
    id: few("id"),
    reservation: fc.option(
      fc.record({
        owner: few("owner"),
        purpose: few("purpose"),
        outpoints: fc.array(outpoint, { maxLength: 3 }),
        untilMs: atMs,
      }),
    ),
  }),
  fc.record({
    kind: fc.constant("signed" as const),
    key: few("key"),
    signed: fc.option(
      fc.record({
        txid,
        purpose: few("purpose"),
        inputs: fc.array(outpoint, { maxLength: 3 }),
        requestHash: few("hash"),
        atMs,
        isSeen: fc.boolean(),
        conflict: fc.option(fc.record({ txid, atMs }), { nil: undefined }),
      }),
    ),
  }),
  fc.record({ kind: fc.constant("signed.settled" as const), key: few("key") }),
  fc.record({
    kind: fc.constant("psbt" as const),
    id: few("id"),
    psbt: fc.option(fc.record({ outpoints: fc.array(outpoint, { maxLength: 3 }), atMs })),
  }),
  fc.record({
    kind: fc.constant("commitment.used" as const),
    commitment: few("commitment"),
    use: fc.record({ outpoint, index: fc.integer({ min: 0, max: 2 }), atMs }),
  }),
  fc.record({
    kind: fc.constant("commitment.external" as const),
    outpoint,
    coin: fc.option(
      fc.record({
        P: fc.constant(`02${"ab".repeat(32)}`),
        proofs: fc.array(
          fc.record({
            index: fc.integer({ min: 0, max: 2 }),
            P2: fc.constant(`03${"cd".repeat(32)}`),
            s: fc.constant("01".repeat(32)),
            e: fc.constant("02".repeat(32)),
          }),
          { minLength: 1, maxLength: 3 },
        ),
      }),
    ),
  }),
  fc.record({
    kind: fc.constant("note" as const),
    txid,
    note: fc.option(fc.dictionary(few("fact"), fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<never>)),
  }),
  fc.record({
    kind: fc.constant("setting" as const),
    key: few("setting"),
    value: fc.option(fc.string({ maxLength: 200, unit: "grapheme" })),
  }),
  fc.record({
    kind: fc.constant("cached" as const),
    key: few("cache"),
    // Longer than a sector, and sometimes all zeros.
    value: fc.option(fc.integer({ min: 0, max: 3_000 }).map((length) => "0".repeat(length))),
  }),
  fc.record({ kind: fc.constant("born" as const), creationHeight: fc.integer({ min: 0, max: 900_000 }) }),
);
