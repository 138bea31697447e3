/** What the ledger's tables hold, row by row. Satoshi are whole numbers, times are Unix seconds. */
import type {
  LedgerLimits,
  LedgerNotice,
  LedgerSettings,
  NoticeKind,
} from "../../../bus/contracts/ledger/objects.ts";

/** Whom a payment is between: an account, an address outside, or an address of which only we know whose it is. */
export interface PartyRow {
  readonly userId: number | null;
  readonly address: string | null;
}

export interface UserRow {
  readonly id: number;
  /** One, but for the account of the operator's wallet. */
  readonly jids: readonly string[];
  readonly username: string;
  /** Given up, and kept for him for a while. Absent is none. */
  readonly pastNames?: readonly { readonly name: string; readonly atS: number }[];
  readonly state: "waiting" | "open" | "frozen" | "closed";
  readonly why: string | null;
  /** Those of older releases know no digest. */
  readonly settings: Omit<LedgerSettings, "digest"> & Partial<Pick<LedgerSettings, "digest">>;
  /** The person's own wishes, and what an admin has set for this account: the least of all counts. */
  readonly limits: Partial<LedgerLimits>;
  readonly adminLimits: Partial<LedgerLimits>;
  readonly raise: { readonly limits: LedgerLimits; readonly atS: number } | null;
  /** Base32. One that has no `enabledAtS` was drawn and never proved. `lastStep`: no one-time code counts twice. */
  readonly factor: {
    readonly secret: string;
    readonly enabledAtS: number | null;
    readonly lastStep: number;
    /** Below this the chat alone could pay when it was enabled; absent is nothing. */
    readonly aloneSat?: number;
  } | null;
  /** SHA-256 of the recovery code. */
  readonly recovery: string;
  readonly needsVerification: boolean;
  readonly seenAtS: number;
  /** Wrong codes of orders, and wrong proofs (of the second factor, of recovery): absent in accounts of older releases. */
  readonly tries: { readonly wrong: number; readonly wrongProofs?: number; readonly lockedUntilS: number };
  readonly contacts: readonly PartyRow[];
  /** Told that the balance is low, and not above it since. */
  readonly isLow: boolean;
  readonly receivedSat: number;
  readonly createdAtS: number;
  /** When he was last told that a payment was above his limits. Absent is never. */
  readonly limitToldAtS?: number;
  /** Hashes of the clients from which payments were confirmed, the newest last. Absent is none. */
  readonly clients?: readonly string[];
}

/** A name that was given up is kept for its last holder for a while. */
export interface NameRow {
  readonly userId: number;
  readonly releasedAtS: number | null;
}

export interface AddressRow {
  readonly address: string;
  /** 0 is the house. */
  readonly userId: number;
  readonly label: string;
  readonly createdAtS: number;
  readonly receivedSat: number;
  /** Something has come to it: it is not given out as fresh again. */
  readonly isPaid: boolean;
}

export interface DepositRow {
  readonly outpoint: string;
  readonly txid: string;
  readonly address: string;
  readonly amountSat: number;
  /** Null where nobody of ours was given the address; 0 is the house. */
  readonly userId: number | null;
  readonly state: "seen" | "confirmed" | "credited" | "vanished";
  readonly height: number | null;
  readonly isReplaceable: boolean;
  /** Absent in deposits of older releases. */
  readonly isCoinbase?: boolean;
  /** How often it was credited: it may leave the chain and come again. */
  readonly credits: number;
  readonly subject: string;
}

export interface Posting {
  readonly account: string;
  /** Debit is positive. */
  readonly sat: number;
}

export interface EntryRow {
  readonly id: number;
  readonly atS: number;
  readonly kind: string;
  readonly key: string;
  readonly postings: readonly Posting[];
  readonly txid: string | null;
  readonly order: string | null;
}

export interface MovementRow {
  readonly entry: number;
  readonly atS: number;
  readonly kind: "deposit" | "reversed" | "paid" | "mixed" | "received" | "refund" | "adjusted";
  readonly changeSat: number;
  readonly feeSat: number;
  readonly balanceSat: number;
  readonly counterpart: PartyRow | null;
  readonly memo: string;
  readonly order: string | null;
  readonly txid: string | null;
  /** Of a deposit: where it stands in the chain is told by its row. */
  readonly outpoint: string | null;
  /** One's own that was paid. */
  readonly address: string | null;
}

export type OrderState =
  | "queued"
  | "confirmed"
  | "executing"
  | "broadcast"
  | "done"
  | "failed"
  | "cancelled"
  | "expired";

/** With how many makers, what they and the miners probably get, and the most that they may. */
export interface CoinjoinRow {
  readonly makers: number;
  readonly makerFeesSat: number;
  readonly miningFeeSat: number;
  readonly makerFeesSatMax: number;
  readonly miningFeeSatMax: number;
}

export interface OrderRow {
  readonly id: string;
  readonly userId: number;
  readonly state: OrderState;
  readonly route: "internal" | "chain" | "coinjoin";
  /** Of one that is paid by a coinjoin; absent in others. */
  readonly coinjoin?: CoinjoinRow;
  /** Who it was when it was queued: an account stays the same whatever becomes of its name. */
  readonly to: PartyRow;
  readonly amountSat: number;
  readonly feeSat: number;
  readonly feeSatMax: number;
  readonly memo: string;
  readonly code: string;
  readonly createdAtS: number;
  readonly expiresAtS: number;
  /** When its amount began to count for the limit of the day. */
  readonly confirmedAtS: number | null;
  readonly txid: string | null;
  readonly height: number | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly isLeaving: boolean;
  /** Sent, and not on the network since then; null while it is there. Absent in orders of older releases. */
  readonly unseenSinceS?: number | null;
  /** Sent, and no node has it any more: a person has to look. */
  readonly isLost: boolean;
}

export interface NoticeRow {
  readonly id: number;
  readonly atS: number;
  readonly userId: number;
  readonly jid: string;
  readonly kind: NoticeKind;
  readonly subject: string;
  readonly amountSat: number | null;
  readonly feeSat: number | null;
  readonly balanceSat: number | null;
  readonly counterpart: PartyRow | null;
  /** Whose account it is about, where an admin is told of another's. Absent in notices of older releases. */
  readonly about?: number | null;
  readonly text: string;
  readonly order: string | null;
  readonly txid: string | null;
  readonly address: string | null;
  readonly confirmations: number | null;
  readonly isReplaceable: boolean | null;
  /** Absent in notices of older releases. */
  readonly earnedSat?: number | null;
  readonly digest?: LedgerNotice["digest"];
}

export interface AuditRow {
  readonly id: number;
  readonly atS: number;
  readonly by: string;
  readonly act: string;
  readonly about: string;
  readonly text: string;
}

/** The wallet, and how far its deposits are known. */
export interface BankRow {
  readonly wallet: string | null;
  /** Null when it was shut. The store's file is readable to its owner only. */
  readonly grant: string | null;
  readonly grantId: string | null;
  readonly tip: { readonly height: number; readonly hash: string } | null;
  /** Why nothing is paid, for people: found by the last reconciliation. */
  readonly stopped: string | null;
  /** Why an admin or the operator has stopped payments; absent or null where nobody has. */
  readonly halted?: string | null;
}
