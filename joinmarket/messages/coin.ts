/** A coin as text: `txid:n`, and for peers without an index of their own `txid:n:script:height`. */
import { bytesToHex, hexToBytes, parseTxid, type Txid } from "../../bitcoin/bytes.ts";

export interface NamedCoin {
  readonly txid: Txid;
  readonly vout: number;
}

/** What helps a peer that cannot look a coin up. */
export interface CoinHints {
  readonly scriptPubKey: Uint8Array;
  readonly height: number;
}

export interface ReadCoin extends NamedCoin {
  readonly hints?: CoinHints;
}

const TXID = /^[0-9a-f]{64}$/i;
const NUMBER = /^\d{1,10}$/;
const VOUT_MAX = 0xffff_ffff;
/** The longest script of any standard output is 34 bytes; P2PK's old form has 67. */
const SCRIPT_HEX = /^(?:[0-9a-fA-F]{2}){1,100}$/;

export function formatCoin({ txid, vout, hints }: ReadCoin): string {
  const parts = [txid, vout, ...(hints === undefined ? [] : [bytesToHex(hints.scriptPubKey), hints.height])];
  return parts.join(":");
}

export function parseCoin(text: string): ReadCoin | undefined {
  const [txid = "", vout = "", ...more] = text.split(":", 5);
  if (!TXID.test(txid) || !NUMBER.test(vout) || Number(vout) > VOUT_MAX) return undefined;
  const coin = { txid: parseTxid(txid), vout: Number(vout) };
  if (more.length === 0) return coin;
  const [script = "", height = ""] = more;
  if (more.length !== 2 || !SCRIPT_HEX.test(script) || !NUMBER.test(height)) return undefined;
  return { ...coin, hints: { scriptPubKey: hexToBytes(script), height: Number(height) } };
}
