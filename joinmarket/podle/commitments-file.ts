/** joinmarket-clientserver's `commitments.json`: the commitments it has used, and coins of elsewhere with proofs to commit to them. */
import { z } from "zod";
import { bytesToHex, hexToBytes, type Txid } from "../../bitcoin/bytes.ts";
import { sha256 } from "../../bitcoin/hash.ts";
import { parseCoin } from "../messages/coin.ts";
import { verifyOpening } from "./commitment.ts";

/** One try of a coin of elsewhere. Its key made it once and is not needed again. */
export interface KeptProof {
  readonly index: number;
  readonly P2: string;
  readonly s: string;
  readonly e: string;
}

/** Named as the protocol names them; all in hex. */
export interface ExternalCoin {
  readonly txid: Txid;
  readonly vout: number;
  readonly P: string;
  /** By index, the lowest first. */
  readonly proofs: readonly KeptProof[];
}

export interface CommitmentsFile {
  /** 64 lower-case digits each. */
  readonly used: readonly string[];
  readonly external: readonly ExternalCoin[];
  /** Entries that say nothing, or prove nothing. */
  readonly ignored: number;
}

/** No maker is asked with more: the proofs behind them are of no use. */
const TRIES_MAX = 10;
const COMMITMENT = /^[0-9a-f]{64}$/i;
const Hash = z.string().regex(COMMITMENT).toLowerCase();
const Point = z
  .string()
  .regex(/^0[23][0-9a-f]{64}$/i)
  .toLowerCase();
const Entry = z.object({
  P: Point,
  reveal: z.record(z.string().regex(/^\d{1,3}$/), z.object({ P2: Point, s: Hash, e: Hash })),
});
const FileForm = z.object({
  used: z.array(z.unknown()),
  external: z.record(z.string(), z.unknown()),
});

/** Nothing for a text that is no such file. */
export function parseCommitmentsFile(text: string): CommitmentsFile | undefined {
  const form = FileForm.safeParse(jsonOf(text));
  if (!form.success) return undefined;
  const used = form.data.used.flatMap((each) => Hash.safeParse(each).data ?? []);
  const entries = Object.entries(form.data.external);
  const external = entries.flatMap(([named, entry]) => externalOf(named, entry) ?? []);
  const ignored = form.data.used.length - used.length + entries.length - external.length;
  return { used, external, ignored };
}

/** What the commitment of a proof is called in `!fill`, without its `P`. */
export function commitmentOf({ P2 }: Pick<KeptProof, "P2">): string {
  return bytesToHex(sha256(hexToBytes(P2)));
}

/** Proofs that do not prove are left out: a maker would only blame us for them. */
function externalOf(named: string, entry: unknown): ExternalCoin | undefined {
  const coin = parseCoin(named);
  const { data } = Entry.safeParse(entry);
  if (coin === undefined || data === undefined) return undefined;
  const { txid, vout } = coin;
  const proofs = Object.entries(data.reveal)
    .map(([index, proof]) => ({ index: Number(index), ...proof }))
    .filter((proof) => proof.index < TRIES_MAX && isProof({ txid, vout, P: data.P }, proof))
    .sort((a, b) => a.index - b.index);
  return proofs.length === 0 ? undefined : { txid, vout, P: data.P, proofs };
}

function isProof({ txid, vout, P }: Omit<ExternalCoin, "proofs">, proof: KeptProof): boolean {
  const opening = {
    ...{ txid, vout, P: hexToBytes(P), P2: hexToBytes(proof.P2) },
    ...{ s: hexToBytes(proof.s), e: hexToBytes(proof.e) },
  };
  return verifyOpening(opening, commitmentOf(proof), proof.index + 1, proof.index) === proof.index;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // It is refused as a whole.
    return undefined;
  }
}
