/** Coinjoins with joinmarket-ng and joinmarket-clientserver as they were: `tests/vectors/joinmarket-coinjoins.json`, and the chance of that day. */
import { randomBytes } from "node:crypto";
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { parseTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import { readVectors } from "../data/vectors.ts";

export interface RecordedLine {
  readonly ms: number;
  /** Which of the peers it was told to, or came from. */
  readonly peer: number;
  readonly us: boolean;
  readonly text: string;
}

export interface RecordedCoinjoin {
  readonly about: string;
  readonly weAre: "maker" | "taker";
  readonly ourNick: string;
  readonly peers: readonly string[];
  readonly boxSecretKey: string;
  readonly lines: readonly RecordedLine[];
  readonly transaction: {
    readonly txid: string;
    readonly hex: string;
    readonly spends: readonly {
      readonly txid: string;
      readonly vout: number;
      readonly valueSat: number;
      readonly script: string;
    }[];
  };
  /** Of makers. */
  readonly words?: string;
  readonly funding?: readonly string[];
}

const SECRET_KEY_BYTES = 32;
const NONCE_BYTES = 24;
const SEALED = new Set(["auth", "ioauth", "tx", "sig"]);

export function recordedCoinjoins(weAre: RecordedCoinjoin["weAre"]): readonly RecordedCoinjoin[] {
  const { coinjoins } = readVectors<{ coinjoins: RecordedCoinjoin[] }>("joinmarket-coinjoins");
  return coinjoins.filter((one) => one.weAre === weAre);
}

export function commandOf({ text }: RecordedLine): string {
  return text.slice(0, text.indexOf(" "));
}

/** Our key and nonces are drawn as they were then: what is sealed is the same to the byte. */
export function drawnAsThen({ boxSecretKey, lines }: RecordedCoinjoin): (lengthBytes: number) => Uint8Array {
  const nonces = lines
    .filter((line) => line.us && SEALED.has(commandOf(line)))
    .map(({ text }) => Buffer.from(text.split(" ")[1] ?? "", "base64").subarray(0, NONCE_BYTES));
  return (lengthBytes) => {
    if (lengthBytes === SECRET_KEY_BYTES) return hexToBytes(boxSecretKey);
    return (lengthBytes === NONCE_BYTES ? nonces.shift() : undefined) ?? randomBytes(lengthBytes);
  };
}

/** As it was confirmed. */
export function confirmedTransaction({ transaction }: RecordedCoinjoin): Transaction {
  return parseTransaction(hexToBytes(transaction.hex));
}
