/** What makers may say instead of the truth: each has its own way to be found out. */
import { parseTxid } from "../../../bitcoin/bytes.ts";
import type { MakerInputs } from "../../../joinmarket/messages/inputs.ts";
import type { Lies } from "./scripted-maker.ts";

export interface KnownToLiar {
  readonly foreignCoin: { readonly txid: string; readonly vout: number };
  readonly takerAddress: string;
}

const NOTHING = "00".repeat(32);
/** Any key but the maker's. */
const FOREIGN_KEY = `02${"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"}`;

/** In naming its coins. */
export const INPUT_LIES: Readonly<
  Record<string, (truth: MakerInputs, known: KnownToLiar) => MakerInputs | undefined>
> = {
  "says nothing": () => undefined,
  "names a coin that does not exist": (truth) => ({
    ...truth,
    coins: [...truth.coins, { txid: parseTxid(NOTHING), vout: 0 }],
  }),
  "names one coin twice": (truth) => ({ ...truth, coins: [...truth.coins, ...truth.coins.slice(0, 1)] }),
  "names no coin with its key": (truth) => ({ ...truth, coins: truth.coins.slice(1) }),
  "names a coin of ours": (truth, { foreignCoin }) => ({
    ...truth,
    coins: [...truth.coins, { txid: parseTxid(foreignCoin.txid), vout: foreignCoin.vout }],
  }),
  "names more coins than may be": (truth) => ({
    ...truth,
    coins: Array.from({ length: 16 }, (_, vout) => ({ txid: truth.coins[0]?.txid as never, vout })),
  }),
  "lets another key vouch": (truth) => ({ ...truth, publicKey: FOREIGN_KEY }),
  "has a signature of another talk": (truth) => ({
    ...truth,
    signature:
      "MEQCICo5x/yuXllk2ZRmJkpryfTRUeqfzevlzJt31+AyqWo/AiBF7JWZ0kJyglX06dj+CYk3m7+893USfUCDN9p8JCMjEw==",
  }),
  "wants both outputs at one address": (truth) => ({ ...truth, changeAddress: truth.coinjoinAddress }),
  "wants an output at our address": (truth, { takerAddress }) => ({
    ...truth,
    changeAddress: takerAddress,
  }),
  "has an address of another network": (truth) => ({
    ...truth,
    coinjoinAddress: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
  }),
};

/** In signing. */
export const SIGN_LIES: Readonly<Record<string, Lies>> = {
  "says nothing": { signatures: () => [] },
  "leaves out one of its coins": { signatures: (truth) => truth.slice(1) },
  "signs one coin twice and another never": { signatures: ([first]) => (first ? [first, first] : []) },
  "sends no signatures but noise": { signatureBytes: (truth) => truth.map((byte) => byte ^ 0x55) },
  "sends signatures without end": { signatureBytes: () => new Uint8Array(20_000).fill(0x4c) },
  "signs less than all": {
    signatures: (truth) =>
      truth.map((signed) => ({
        ...signed,
        // The last byte says what is signed: here "none of the outputs".
        signature: Uint8Array.from([...signed.signature.slice(0, -1), 2]),
      })),
  },
};
