/** The recorded regtest chain of `tests/vectors/regtest-chain.json`: 110 blocks that Bitcoin Core mined. */
import { readFileSync } from "node:fs";

export interface RegtestChain {
  readonly genesisHash: string;
  readonly tipHash: string;
  /** By letter: what kind of script, its bytes, Electrum's name for it and its address if it has one. */
  readonly scripts: Readonly<
    Record<string, { kind: string; spk: string; scripthash: string; address?: string }>
  >;
  /** As `getrawtransaction <txid> 2` printed it. */
  readonly verboseTransaction: {
    readonly txid: string;
    readonly hash: string;
    readonly size: number;
    readonly vsize: number;
    readonly weight: number;
    readonly hex: string;
    readonly vout: readonly { value: number; scriptPubKey: { asm: string; hex: string; address?: string } }[];
  };
  /** Raw blocks in hex; the index is the height. */
  readonly blocks: readonly string[];
}

export function readRegtestChain(): RegtestChain {
  const file = new URL("../../vectors/regtest-chain.json", import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as RegtestChain;
}
