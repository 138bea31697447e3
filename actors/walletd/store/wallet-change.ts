/** Every way in which a wallet's memory changes, one row of a union each; the file keeps them in order and replays them. */
import { z } from "zod";
import {
  BondSchema,
  ChainSchema,
  CommitmentSchema,
  ExternalCoinSchema,
  FactsSchema,
  FrozenSchema,
  IdSchema,
  IndexSchema,
  LabelTypeSchema,
  LentSchema,
  MixdepthSchema,
  OutpointSchema,
  PsbtSchema,
  ReservationSchema,
  SignedSchema,
  StandingGrantSchema,
  TxidSchema,
  type WalletState,
} from "./wallet-state.ts";

/** `null` takes an entry away. A later release may add kinds; this one then says that the file is newer. */
export const WalletChangeSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("address.issued"),
    mixdepth: MixdepthSchema,
    chain: ChainSchema,
    nextIndex: IndexSchema,
  }),
  z.strictObject({ kind: z.literal("coin.frozen"), outpoint: OutpointSchema, frozen: FrozenSchema }),
  z.strictObject({
    kind: z.literal("label"),
    type: LabelTypeSchema,
    ref: z.string().min(1).max(500),
    /** Empty takes it away. */
    label: z.string().max(1_000),
  }),
  z.strictObject({ kind: z.literal("reserved"), id: IdSchema, reservation: ReservationSchema.nullable() }),
  z.strictObject({ kind: z.literal("signed"), key: IdSchema, signed: SignedSchema.nullable() }),
  z.strictObject({ kind: z.literal("signed.settled"), key: IdSchema }),
  z.strictObject({ kind: z.literal("lent"), id: IdSchema, lent: LentSchema.nullable() }),
  z.strictObject({ kind: z.literal("psbt"), id: IdSchema, psbt: PsbtSchema.nullable() }),
  z.strictObject({ kind: z.literal("commitment.used"), commitment: IdSchema, use: CommitmentSchema }),
  z.strictObject({
    kind: z.literal("commitment.external"),
    outpoint: OutpointSchema,
    coin: ExternalCoinSchema.nullable(),
  }),
  z.strictObject({ kind: z.literal("note"), txid: TxidSchema, note: FactsSchema.nullable() }),
  z.strictObject({
    kind: z.literal("setting"),
    key: IdSchema,
    value: z.string().max(10_000).nullable(),
  }),
  z.strictObject({ kind: z.literal("bond"), address: IdSchema, bond: BondSchema }),
  z.strictObject({
    kind: z.literal("cached"),
    key: IdSchema,
    value: z.string().max(16_000_000).nullable(),
  }),
  z.strictObject({ kind: z.literal("grant"), id: IdSchema, grant: StandingGrantSchema.nullable() }),
  z.strictObject({ kind: z.literal("born"), creationHeight: z.int().min(0) }),
]);

/** Four megabytes: whoever asks for a payment again asks before a hundred thousand others. */
export const SETTLED_KEYS_MAX = 100_000;

export type WalletChange = z.infer<typeof WalletChangeSchema>;

export function branchKey(mixdepth: number, chain: number): string {
  return `${mixdepth}/${chain}`;
}

export function labelKey(type: z.infer<typeof LabelTypeSchema>, ref: string): string {
  return `${type} ${ref}`;
}

/** Makes the change in place. It cannot fail for a change that fits the schema, and making it twice is making it once. */
export function applyChange(state: WalletState, change: WalletChange): void {
  switch (change.kind) {
    case "address.issued": {
      const branch = branchKey(change.mixdepth, change.chain);
      state.nextIndexes[branch] = Math.max(state.nextIndexes[branch] ?? 0, change.nextIndex);
      state.mixdepths = Math.max(state.mixdepths, change.mixdepth + 1);
      return;
    }
    case "coin.frozen":
      state.frozen[change.outpoint] = change.frozen;
      return;
    case "label":
      return put(state.labels, labelKey(change.type, change.ref), change.label || null);
    case "reserved":
      return put(state.reservations, change.id, change.reservation);
    case "signed":
      return put(state.signed, change.key, change.signed);
    case "signed.settled": {
      const signed = state.signed[change.key];
      if (signed !== undefined) state.settledKeys[change.key] = signed.atMs;
      forgetOldest(state.settledKeys);
      return put(state.signed, change.key, null);
    }
    case "lent": {
      const before = state.lent[change.id];
      // What was signed for it is remembered as of other payments.
      if (change.lent === null && before?.signed !== undefined) state.settledKeys[change.id] = before.atMs;
      forgetOldest(state.settledKeys);
      return put(state.lent, change.id, change.lent);
    }
    case "psbt":
      return put(state.psbts, change.id, change.psbt);
    case "commitment.used":
      state.commitments[change.commitment] = change.use;
      return;
    case "commitment.external":
      return put(state.externalCoins, change.outpoint, change.coin);
    case "note":
      return put(state.notes, change.txid, change.note);
    case "setting":
      return put(state.settings, change.key, change.value);
    case "bond":
      state.bonds[change.address] = change.bond;
      return;
    case "cached":
      return put(state.cache, change.key, change.value);
    case "grant":
      return put(state.grants, change.id, change.grant);
    case "born":
      state.creationHeight = change.creationHeight;
      return;
  }
}

/** A tenth of them at once, so that it is seldom. */
function forgetOldest(keys: Record<string, number>): void {
  const entries = Object.entries(keys);
  if (entries.length <= SETTLED_KEYS_MAX) return;
  entries.sort(([, a], [, b]) => a - b);
  for (const [key] of entries.slice(0, SETTLED_KEYS_MAX / 10)) delete keys[key];
}

function put<T>(entries: Record<string, T>, key: string, value: T | null): void {
  if (value === null) delete entries[key];
  else entries[key] = value;
}
