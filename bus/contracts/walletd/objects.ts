/** What the wallet daemon tells of wallets: accounts, coins, balances, transactions, bonds, reservations. */
import { z } from "zod";
import { GRANT_HOLDERS } from "./calling.ts";
import {
  Address,
  AmountSat,
  ChangeSat,
  Count,
  GrantId,
  Hash,
  Height,
  Hex,
  KeyPath,
  Label,
  Mixdepth,
  Outpoint,
  PublicKey,
  ReservationId,
  TimeS,
  Tip,
  WalletName,
} from "./values.ts";

export const WalletFormSchema = z.enum([
  "troupe",
  "clientserver",
  "clientserver-plain",
  "joinmarket-ng",
  "joinmarket-ng-legacy",
  "words",
  "unknown",
]);

export const WalletTypeSchema = z.enum(["bip84", "bip49"]);

/** How far a wallet knows the chain. `isKnown` is false until all its scripts were looked up once after unlocking. */
export const SyncSchema = z.object({
  isKnown: z.boolean(),
  isScanning: z.boolean(),
  progress: z.number().min(0).max(1),
  /** The block that the coins are of. */
  tip: Tip.nullable(),
  /** All that are watched, as far as is known by now, and how many of them were looked up since unlocking or rescanning. */
  scripts: Count,
  lookedUp: Count,
  transactions: Count,
  /** For people: why it does not advance, such as an indexer that is away. */
  trouble: z.string().nullable(),
});

export const WalletStatusSchema = z.object({
  wallet: WalletName,
  type: WalletTypeSchema,
  hasBonds: z.boolean(),
  canSign: z.boolean(),
  /** The BIP32 fingerprint of the master key, zeros if it is not known. */
  fingerprint: z.string(),
  /** The ids by which the two older programs call this wallet; null where only public keys are known. */
  clientserverId: z.string().nullable(),
  joinmarketNgId: z.string().nullable(),
  createdAtS: TimeS.nullable(),
  creationHeight: Height.nullable(),
  mixdepths: z.int().min(1),
  gap: z.int().min(1),
  sync: SyncSchema,
  reservations: Count,
  grants: z.array(
    z.object({ id: GrantId, caller: z.enum(GRANT_HOLDERS), expiresAtS: TimeS, reservations: Count }),
  ),
});

/** `coinjoin-…` where an older program says `cj-…`; a door puts its own words. */
export const EntryUseSchema = z.enum([
  "new",
  "used",
  "deposit",
  "coinjoin-output",
  "coinjoin-change",
  "change",
  "reused",
]);

export const EntrySchema = z.object({
  path: KeyPath,
  index: Count,
  address: Address,
  use: EntryUseSchema,
  label: Label,
  amountSat: AmountSat,
  availableSat: AmountSat,
  coins: Count,
  hasFrozen: z.boolean(),
  hasUnconfirmed: z.boolean(),
  /** Only of a bond's address. */
  locktimeS: TimeS.nullable(),
});

export const BranchSchema = z.object({
  kind: z.enum(["external", "internal", "bonds", "burn", "imported"]),
  path: KeyPath,
  /** Null where an older program shows none. */
  xpub: z.string().nullable(),
  balanceSat: AmountSat,
  availableSat: AmountSat,
  entries: z.array(EntrySchema),
});

export const AccountSchema = z.object({
  mixdepth: Mixdepth,
  balanceSat: AmountSat,
  availableSat: AmountSat,
  branches: z.array(BranchSchema),
});

export const MixdepthBalanceSchema = z.object({
  mixdepth: Mixdepth,
  /** All coins, also those that cannot be spent now. */
  totalSat: AmountSat,
  /** What can be spent now: not frozen, not reserved, no bond that is locked. */
  availableSat: AmountSat,
  unconfirmedSat: AmountSat,
  frozenSat: AmountSat,
  reservedSat: AmountSat,
  bondSat: AmountSat,
  coins: Count,
});

export const BalancesSchema = z.object({
  tip: Tip.nullable(),
  totalSat: AmountSat,
  availableSat: AmountSat,
  mixdepths: z.array(MixdepthBalanceSchema),
});

export const CoinSchema = Outpoint.extend({
  amountSat: AmountSat,
  address: Address,
  path: KeyPath,
  mixdepth: Mixdepth,
  isInternal: z.boolean(),
  height: Height.nullable(),
  confirmations: Count,
  isFrozen: z.boolean(),
  /** Who froze it: a person, the guard against paying to one address twice, or the lock of a bond. */
  frozenBy: z.enum(["owner", "reuse", "bond"]).nullable(),
  reservation: ReservationId.nullable(),
  /** Of the address. */
  label: Label,
  locktimeS: TimeS.nullable(),
  isCoinjoinOutput: z.boolean(),
  /** How often it has proved a taker's right to ask, and how often it still may. */
  commitmentsUsed: Count,
  commitmentsLeft: Count,
});

export const TransactionSchema = z.object({
  txid: Hash,
  rawTx: Hex,
  version: z.int(),
  locktime: z.int().min(0),
  inputs: z.array(
    Outpoint.extend({
      scriptSig: Hex,
      sequence: z.int().min(0),
      witness: Hex,
      amountSat: AmountSat.nullable(),
    }),
  ),
  outputs: z.array(
    z.object({ amountSat: AmountSat, script: Hex, address: Address.nullable(), isOurs: z.boolean() }),
  ),
});

export const SpendSchema = z.object({
  transaction: TransactionSchema,
  feeSat: AmountSat,
  sizeVb: z.int().min(1),
  satPerVb: z.number().min(0),
  changeSat: AmountSat,
  mixdepth: Mixdepth,
  /** False for a dry run; `rawTx` is then unsigned. */
  isSent: z.boolean(),
  /** The transaction that this one takes the place of. */
  replaces: Hash.nullable(),
});

/** What a PSBT would do, by the wallet's own records: what its maker says of coins counts only where its hash vouches for it. */
export const PsbtViewSchema = z.object({
  /** Of the transaction without signatures. */
  txid: Hash,
  version: z.union([z.literal(0), z.literal(2)]),
  inputs: z.array(
    Outpoint.extend({
      /** Null where nothing proves it. */
      amountSat: AmountSat.nullable(),
      address: Address.nullable(),
      isOurs: z.boolean(),
      path: KeyPath.nullable(),
      isSigned: z.boolean(),
      /** Why it would not be signed here. */
      trouble: z.string().nullable(),
    }),
  ),
  outputs: z.array(
    z.object({
      amountSat: AmountSat,
      address: Address.nullable(),
      script: Hex,
      isOurs: z.boolean(),
      path: KeyPath.nullable(),
    }),
  ),
  /** What of our coins does not come back to us. */
  paysOutSat: AmountSat,
  /** Null where an input of others has no proven amount. */
  feeSat: AmountSat.nullable(),
  sizeVb: z.int().min(1),
  satPerVb: z.number().min(0).nullable(),
  /** Made here by `psbtCreate`, and its coins are still set aside. */
  isFromHere: z.boolean(),
  isComplete: z.boolean(),
  /** Why nothing of it would be signed here; null where it would be. */
  refusal: z.string().nullable(),
});

/** By what a transaction did to the wallet; the words of the older programs' reports. */
export const TransactionKindSchema = z.enum([
  "deposit",
  "cj sweepout",
  "sweep out",
  "cj intsweep",
  "cj withdraw",
  "withdraw",
  "cj internal",
  "internal",
  "cj batch",
  "unknown",
]);

export const RoleSchema = z.enum(["maker", "taker", "send", "deposit"]);

/** What a maker or taker knows of a coinjoin and the chain does not tell. */
export const CoinjoinNoteSchema = z.object({
  role: z.enum(["maker", "taker"]),
  isSuccess: z.boolean(),
  failure: z.string().max(200).nullable(),
  amountSat: AmountSat,
  inputs: Count,
  inputSat: AmountSat,
  peers: z.array(z.string().max(32)).max(100),
  /** Earned by a maker. */
  feeReceivedSat: AmountSat,
  /** A maker's share of the miner's fee. */
  txfeeContributionSat: AmountSat,
  /** Paid by a taker. */
  makerFeesSat: AmountSat,
  miningFeeSat: AmountSat,
  startedAtS: TimeS,
  completedAtS: TimeS.nullable(),
  broadcastBy: z.string().max(64),
});

export const HistoryEntrySchema = z.object({
  txid: Hash,
  height: Height.nullable(),
  confirmations: Count,
  /** Of the block, or when we saw it first. */
  timeS: TimeS,
  kind: TransactionKindSchema,
  role: RoleSchema,
  isCoinjoin: z.boolean(),
  /** What it changed in the wallet, and the balance after it. */
  changeSat: ChangeSat,
  balanceSat: AmountSat,
  /** What was paid to others, or came, without fees. */
  amountSat: AmountSat,
  /** Known where all inputs are ours, or a note tells it. */
  feeSat: AmountSat.nullable(),
  coinjoinSat: AmountSat.nullable(),
  participants: Count.nullable(),
  fromMixdepth: Mixdepth.nullable(),
  toMixdepth: Mixdepth.nullable(),
  /** How many coins the wallet had after it. */
  coins: Count,
  destination: Address.nullable(),
  changeAddress: Address.nullable(),
  spent: z.array(Outpoint),
  label: Label,
  note: CoinjoinNoteSchema.nullable(),
});

/** One that was sent, and that neither a block nor our node has now. */
export const UnsentSchema = z.object({
  txid: Hash,
  /**
   * lost: it is sent again, and its coins stay set aside. conflict: a block has another that spends one of its coins, so
   * that it can never confirm. expired: nobody has mined it for two weeks; its coins are free.
   */
  state: z.enum(["lost", "conflict", "expired"]),
  /** When it was signed. */
  timeS: TimeS,
  isCoinjoin: z.boolean(),
  /** What a coinjoin mixed, or what left the wallet with the fee. */
  amountSat: AmountSat,
  conflictTxid: Hash.nullable(),
  label: Label,
  note: CoinjoinNoteSchema.nullable(),
});

export const BondSchema = z.object({
  address: Address,
  path: KeyPath,
  locktimeS: TimeS,
  isExpired: z.boolean(),
  coins: z.array(
    Outpoint.extend({
      amountSat: AmountSat,
      height: Height.nullable(),
      confirmations: Count,
      isFrozen: z.boolean(),
      /** Its weight where makers are chosen, in the protocol's unit; null while it is unconfirmed. */
      value: z.number().min(0).nullable(),
    }),
  ),
});

/** One input as the other side of a coinjoin must know it. */
const ReservedCoinSchema = Outpoint.extend({ amountSat: AmountSat, script: Hex });

export const ReservationSchema = z.object({
  reservation: ReservationId,
  expiresAtS: TimeS,
  mixdepth: Mixdepth,
  coins: z.array(ReservedCoinSchema),
  /** Where the equal output goes, and where what is left comes back. */
  coinjoinAddress: Address,
  changeAddress: Address,
  /** The key of the first coin, and its signature over the conversation's encryption key. */
  auth: z.object({ publicKey: PublicKey, signature: z.base64() }).nullable(),
});
