/** The small schemas that the wallet daemon's contract is made of: names, secrets, places, amounts, fees. */
import { z } from "zod";

export const WALLET_MIXDEPTHS_MAX = 100;
export const WALLET_PAYMENTS_MAX = 100;
export const WALLET_INPUTS_MAX = 500;
/** Base64 of 400,000 bytes, the most that a transaction of standard weight can have, and a little. */
const TRANSACTION_TEXT_MAX = 540_000;
/** A transaction with its inputs' parents in it may be larger; more than this no message takes. */
const PSBT_TEXT_MAX = 700_000;
/** Twenty-one million bitcoin: no sum is larger. */
const SATOSHI_MAX = 2_100_000_000_000_000;

export const Hash = z.string().regex(/^[0-9a-f]{64}$/);
export const Outpoint = z.object({ txid: Hash, index: z.int().min(0).max(0xffff_ffff) });
export const Height = z.int().min(0).max(100_000_000);
export const TimeS = z.int().min(0).max(0xff_ffff_ffff);
export const Count = z.int().min(0);
export const AmountSat = z.int().min(0).max(SATOSHI_MAX);
export const ChangeSat = z.int().min(-SATOSHI_MAX).max(SATOSHI_MAX);
export const Hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
export const PublicKey = z.string().regex(/^0[23][0-9a-f]{64}$/);

/** A file's name, never a path; its ending `.jmdat` may be left out when asking. What else a name must be the store says. */
export const WalletName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^./\\\p{Cc}][^/\\\p{Cc}]*$/u);
export const Password = z.string().min(1).max(1_024);
export const Passphrase = z.string().max(1_024);
/** 24 words of 8 letters with generous blanks. */
export const Words = z.string().min(1).max(1_000);
/** 32 random bytes that are worth nothing outside walletd and nothing after the wallet is locked. */
export const Session = z.string().regex(/^[0-9a-f]{64}$/);
export const Grant = z.string().regex(/^[0-9a-f]{64}$/);
/** Names a grant without being one: it may be shown. */
export const GrantId = z.string().regex(/^[0-9a-f]{16}$/);
export const ReservationId = z.string().regex(/^[0-9a-f]{32}$/);

/** The owner's word for a wallet: which one, and the session that its password gave. */
export const Owned = z.object({ wallet: WalletName, session: Session });

export const Mixdepth = z
  .int()
  .min(0)
  .max(WALLET_MIXDEPTHS_MAX - 1);
export const Chain = z.union([z.literal(0), z.literal(1)]);
export const Address = z.string().min(14).max(100);
/** Such as `m/84'/1'/0'/0/7`, and `m/84'/1'/0'/2/120:1893456000` for a bond. */
export const KeyPath = z.string().min(1).max(100);
export const Label = z.string().max(255);
export const LockDate = z.string().regex(/^20[2-9][0-9]-(?:0?[1-9]|1[0-2])$/);
export const Message = z.string().max(20_000);
/** In base64; BIP322's simple form has a mark before it. */
export const MessageSignature = z
  .string()
  .max(2_000)
  .regex(/^(?:smp)?(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);

export const RawTxHex = z
  .string()
  .max(2 * TRANSACTION_TEXT_MAX)
  .regex(/^(?:[0-9a-f]{2})+$/);
export const RawTxBase64 = z.base64().max(TRANSACTION_TEXT_MAX);
export const Psbt = z.base64().max(PSBT_TEXT_MAX);

/** What a transaction pays: so much for each virtual byte, or what brings it into one of the next blocks. */
export const FeeSchema = z.union([
  z.object({ satPerVb: z.number().min(0).max(100_000) }),
  z.object({ blocks: z.int().min(1).max(1_008) }),
]);
export type WalletFee = z.infer<typeof FeeSchema>;

export const Tip = z.object({ height: Height, hash: Hash });
