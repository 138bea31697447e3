/** The small schemas that the ledger's contract is made of: who, what for, how much. */
import { z } from "zod";
import { Address, TimeS } from "../walletd/values.ts";

export const LEDGER_PAGE_MAX = 200;
export const MEMO_MAX = 200;
/** What XMPP allows for a domain, and for a resource (RFC 7622). */
export const JID_PART_MAX = 1_023;
/** One domain and one local part of the lengths that XMPP allows. */
export const JID_MAX = 2_047;
export const USERNAME_MAX = 200;

/** A person as the XMPP server stamps him: without a resource. The ledger folds its case, as servers do. */
export const Jid = z
  .string()
  .max(JID_MAX)
  .regex(/^[^\s/@]+@[^\s/@]+$/u);
export const Domain = z
  .string()
  .max(JID_PART_MAX)
  .regex(/^[^\s/@]+$/u);
/** As typed: what a name must be the ledger says, after folding. */
export const Username = z.string().min(1).max(USERNAME_MAX);
export const UserId = z.int().min(1);
export const OrderId = z.string().regex(/^[0-9a-f]{16}$/);
/** As typed: blanks, case and look-alikes are the ledger's to judge. */
export const OrderCode = z.string().min(1).max(32);
export const OneTimeCode = z.string().min(1).max(32);
export const RecoveryCode = z.string().min(1).max(64);
export const Memo = z.string().max(MEMO_MAX);
export const Language = z.string().regex(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/);
export const Why = z.string().max(300);
export const NoticeId = z.int().min(0);
/** Of an entry of the ledger: one more with each. */
export const EntryId = z.int().min(1);

export const Paging = z.object({
  offset: z.int().min(0).default(0),
  limit: z.int().min(1).max(LEDGER_PAGE_MAX).default(20),
});

/** Who is to be paid, or asked about: one of the three. */
export const PartyWordSchema = z.union([
  z.object({ username: Username }),
  z.object({ jid: Jid }),
  z.object({ address: Address }),
]);
export type PartyWord = z.output<typeof PartyWordSchema>;

/** Who of the accounts is meant, by whoever administers them. */
export const UserWordSchema = z.union([
  z.object({ userId: UserId }),
  z.object({ username: Username }),
  z.object({ jid: Jid }),
]);
export type UserWord = z.output<typeof UserWordSchema>;

/** For asking: a person, by the door; what he may is the ledger's to say. */
export const Asked = z.object({ jid: Jid });
/** For administering: null is the terminal's operator; a JID has to be one of [ledger] admins. */
export const Administered = z.object({ by: Jid.nullable().default(null) });

/** Minutes of the day in UTC; from later than until goes over midnight. */
export const QuietHoursSchema = z.object({
  fromMinute: z.int().min(0).max(1_439),
  untilMinute: z.int().min(0).max(1_439),
});
export const UnixTimeS = TimeS;
