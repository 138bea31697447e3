/** What a wallet remembers beside its seed, as plain data: read by everyone, changed only by the changes of `wallet-change.ts`. */
import { z } from "zod";

export const MIXDEPTH_MAX = 99;
const INDEX_MAX = 2 ** 31 - 1;

export const MixdepthSchema = z.int().min(0).max(MIXDEPTH_MAX);
export const ChainSchema = z.int().min(0).max(3);
export const IndexSchema = z.int().min(0).max(INDEX_MAX);
export const OutpointSchema = z.string().regex(/^[0-9a-f]{64}:\d{1,10}$/);
export const TxidSchema = z.string().regex(/^[0-9a-f]{64}$/);
/** Ids of our own making: a letter or digit first, so that none is a name that objects have by themselves. */
export const IdSchema = z.string().regex(/^[A-Za-z0-9][\w:.@/-]{0,199}$/);
export const LabelTypeSchema = z.enum(["tx", "addr", "pubkey", "input", "output", "xpub"]);
const TimeSchema = z.int().min(0);

/** Small facts of whoever keeps them, as JSON. */
export const FactsSchema = z.record(IdSchema, z.json());

export const FrozenSchema = z.strictObject({
  isFrozen: z.boolean(),
  /** Of a coin that its owner let go again it is remembered who did, so that no rule freezes it a second time. */
  why: z.enum(["owner", "reuse", "bond", "import"]),
});

export const ReservationSchema = z.strictObject({
  owner: IdSchema,
  purpose: IdSchema,
  outpoints: z.array(OutpointSchema).max(2_000),
  untilMs: TimeSchema,
  /** What was promised to the other side; the signature is given for nothing else. */
  terms: FactsSchema.optional(),
});

export const SignedSchema = z.strictObject({
  txid: TxidSchema,
  purpose: IdSchema,
  inputs: z.array(OutpointSchema).max(5_000),
  /** Of the request, so that the same key with another request is told from a repetition. */
  requestHash: IdSchema,
  atMs: TimeSchema,
  /** The whole transaction in hex, as soon as we have it: it may have to be sent again. */
  rawTx: z.string().max(900_000).optional(),
  /** Of its inputs, where all are ours. */
  inputsSat: z.array(z.int().min(0)).max(5_000).optional(),
  /** By whose door a taker's coinjoin was asked for, where what leaves by it is counted. */
  askedBy: IdSchema.optional(),
  /** What left the wallet, with the fee. */
  paidOutSat: z.int().min(0).optional(),
  /** It paid all that its coins were worth: a replacement takes its fee from what is paid. */
  isSweep: z.boolean().optional(),
  /** Of a coinjoin: it was sent. Before that it is its taker's to send. */
  isSeen: z.boolean().optional(),
  /** Its owner wants others to send it: our node does so only long after. */
  isLate: z.boolean().optional(),
  /** A block has another transaction that spends one of its coins. */
  conflict: z.strictObject({ txid: TxidSchema, atMs: TimeSchema }).optional(),
});

const CommitmentIndexSchema = z.int().min(0).max(255);
const HashHexSchema = z.string().regex(/^[0-9a-f]{64}$/);
const PointHexSchema = z.string().regex(/^0[23][0-9a-f]{64}$/);

export const CommitmentSchema = z.strictObject({
  /** Another program that used it does not tell of which coin it was. */
  outpoint: OutpointSchema.optional(),
  index: CommitmentIndexSchema.optional(),
  atMs: TimeSchema,
});

/** A coin of elsewhere that may stand for a coinjoin: its proofs are here, its key is not. Named as the protocol names them. */
export const ExternalCoinSchema = z.strictObject({
  P: PointHexSchema,
  proofs: z
    .array(
      z.strictObject({
        index: CommitmentIndexSchema,
        P2: PointHexSchema,
        s: HashHexSchema,
        e: HashHexSchema,
      }),
    )
    .min(1)
    .max(16),
});

/** A payment that was made here for signers elsewhere. */
export const PsbtSchema = z.strictObject({
  outpoints: z.array(OutpointSchema).max(2_000),
  atMs: TimeSchema,
  isSweep: z.boolean().optional(),
});

/** What an owner lets a maker or the ledger do, over a restart of the wallet daemon too: known by its holder, here by its hash. */
export const StandingGrantSchema = z.strictObject({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  mixdepths: z
    .array(MixdepthSchema)
    .max(MIXDEPTH_MAX + 1)
    .optional(),
  amountSatMax: z.int().min(0).optional(),
  caller: z.enum(["maker", "ledger"]).default("maker"),
  makerFeesSatMax: z.int().min(0).default(0),
  miningFeeSatMax: z.int().min(0).default(0),
  daySatMax: z.int().min(0).default(0),
  expiresAtMs: TimeSchema,
});
export type StandingGrant = z.infer<typeof StandingGrantSchema>;

/** Coins of the bank that were lent for one coinjoin: they count against its day, and one order is lent for once. */
export const LentSchema = z.strictObject({
  /** Of its terms. */
  hash: IdSchema,
  amountSat: z.int().min(0),
  /** What it may cost beside. */
  mostSat: z.int().min(0),
  atMs: TimeSchema,
  untilMs: TimeSchema,
  /** Nothing is signed for it any more. */
  isEnded: z.boolean().optional(),
  signed: z.strictObject({ reservation: IdSchema, costSat: z.int().min(0) }).optional(),
});
export type LentRecord = z.infer<typeof LentSchema>;

export const BondSchema = z.strictObject({
  path: z.string().max(100),
  locktime: z.int().min(0),
});

/** Where a wallet that another program made came from, and what of it we keep without using it. */
export const OriginSchema = z.strictObject({
  program: z.enum(["joinmarket-clientserver", "joinmarket-ng", "words"]),
  /** Entries of that program's file that we do not know, each as it was, in base64. */
  kept: z.record(z.string().max(1_000), z.string()),
});

/** A wallet that only watches has no secrets: the public keys of its mixdepths stand for them. */
const WatchedSchema = z.strictObject({
  keys: z
    .array(z.string().max(200))
    .min(1)
    .max(MIXDEPTH_MAX + 1),
  /** Of the root key, if it is known. */
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{8}$/)
    .optional(),
});

/** A later release may add entries, each with a default: a wallet of this release opens there. */
export const WalletStateSchema = z.strictObject({
  network: z.string().min(1).max(32),
  scriptType: z.enum(["bip84", "bip49"]),
  hasBonds: z.boolean(),
  createdAtMs: TimeSchema.optional(),
  /** No coin of the wallet is older. */
  creationHeight: z.int().min(0).optional(),
  mixdepths: z
    .int()
    .min(1)
    .max(MIXDEPTH_MAX + 1),
  /** By "mixdepth/chain": the index of the next address to hand out. It never goes back. */
  nextIndexes: z.record(z.string().regex(/^\d{1,2}\/[0-3]$/), IndexSchema),
  /** By the id of the grant. */
  grants: z.record(IdSchema, StandingGrantSchema).default({}),
  /** By outpoint. */
  frozen: z.record(OutpointSchema, FrozenSchema),
  /** By "type ref", as in BIP-329. */
  labels: z.record(z.string().max(600), z.string().max(1_000)),
  /** By id. */
  reservations: z.record(IdSchema, ReservationSchema),
  /** By the key of the request. */
  signed: z.record(IdSchema, SignedSchema),
  /** By the key of a request whose transaction is settled for good: when it was signed. It signs nothing again. */
  settledKeys: z.record(IdSchema, TimeSchema).default({}),
  /** By the first digits of the unsigned transaction's id. */
  psbts: z.record(IdSchema, PsbtSchema).default({}),
  /** By the key of the bank's order, as of `signed`. */
  lent: z.record(IdSchema, LentSchema).default({}),
  /** By commitment. */
  commitments: z.record(IdSchema, CommitmentSchema),
  /** By outpoint. */
  externalCoins: z.record(OutpointSchema, ExternalCoinSchema).default({}),
  /** By txid. */
  notes: z.record(TxidSchema, FactsSchema),
  settings: z.record(IdSchema, z.string().max(10_000)),
  /** By address. */
  bonds: z.record(IdSchema, BondSchema),
  /** What could be worked out again, by whoever did: derived scripts. */
  cache: z.record(IdSchema, z.string().max(16_000_000)),
  origin: OriginSchema.optional(),
  watched: WatchedSchema.optional(),
});

export type WalletState = z.infer<typeof WalletStateSchema>;

/** All that must be known to begin one. */
export type NewWallet = Pick<WalletState, "network" | "scriptType" | "hasBonds"> & Partial<WalletState>;

export function newWalletState(wallet: NewWallet): WalletState {
  return {
    mixdepths: 5,
    nextIndexes: {},
    frozen: {},
    labels: {},
    reservations: {},
    signed: {},
    settledKeys: {},
    grants: {},
    psbts: {},
    lent: {},
    commitments: {},
    externalCoins: {},
    notes: {},
    settings: {},
    bonds: {},
    cache: {},
    ...wallet,
  };
}
