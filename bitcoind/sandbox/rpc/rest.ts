/** The sandbox's REST paths: blocks, headers and the mempool without the cost of JSON. */
import { parseBlock } from "../../../bitcoin/block/block.ts";
import { serializeHeader } from "../../../bitcoin/block/header.ts";
import {
  type BlockHash,
  blockHashToBytes,
  bytesToHex,
  concatBytes,
  type Txid,
} from "../../../bitcoin/bytes.ts";
import { Writer } from "../../../bitcoin/codec.ts";
import type { BlockEntry } from "../chain/block-tree.ts";
import { RpcRefusal } from "../refusal.ts";
import type { SandboxParts } from "./calls.ts";
import { chainInfo } from "./chain-calls.ts";
import { mempoolContents, mempoolInfo } from "./mempool-calls.ts";

const HEADERS_MAX = 2_000;
const HEADERS_DEFAULT = 5;

interface RestAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
}

export function answerRest(parts: SandboxParts, target: string): RestAnswer {
  const url = new URL(target, "http://sandbox");
  const match = /^\/rest\/(.+)\.(bin|hex|json)$/.exec(url.pathname);
  const [, path = "", format = ""] = match ?? [];
  if (format === "json") return answerJson(parts, path, url.searchParams);
  const slash = path.lastIndexOf("/");
  const kind = path.slice(0, slash);
  const wanted = path.slice(slash + 1);
  const found = answerBytes(parts, kind, wanted, url.searchParams);
  if (!(found instanceof Uint8Array)) return found;
  return format === "bin"
    ? { status: 200, type: "application/octet-stream", body: found }
    : { status: 200, type: "text/plain", body: `${bytesToHex(found)}\n` };
}

function answerBytes(
  parts: SandboxParts,
  kind: string,
  wanted: string,
  query: URLSearchParams,
): Uint8Array | RestAnswer {
  const { chain, mempool } = parts;
  if (kind === "blockhashbyheight") {
    const entry = /^\d{1,9}$/.test(wanted) ? chain.at(Number(wanted)) : undefined;
    return entry === undefined ? refusal(404, "Block height out of range") : blockHashToBytes(entry.hash);
  }
  if (kind !== "block" && kind !== "headers" && kind !== "tx" && kind !== "spenttxouts")
    return { status: 404, type: "text/plain", body: "" };
  if (!/^[0-9a-fA-F]{64}$/.test(wanted)) return refusal(400, `Invalid hash: ${wanted.slice(0, 64)}`);
  const hash = wanted.toLowerCase();
  if (kind === "tx") return mempool.get(hash as Txid)?.rawTx ?? refusal(404, `${hash} not found`);
  const entry = chain.tree.get(hash as BlockHash);
  if (kind === "spenttxouts") return spentOutputs(parts, entry) ?? refusal(404, `${hash} not found`);
  if (kind === "headers") return headersFrom(parts, entry, query.get("count"));
  return entry === undefined ? refusal(404, `${hash} not found`) : chain.blockBytes(entry);
}

/** For each transaction what its inputs spend: amount and script; the coinbase spends nothing. */
function spentOutputs({ chain }: SandboxParts, entry: BlockEntry | undefined): Uint8Array | undefined {
  const spent = entry && chain.spentBy(entry);
  if (entry === undefined || spent === undefined) return undefined;
  const { transactions } = parseBlock(chain.blockBytes(entry));
  const writer = new Writer().compactSize(transactions.length);
  let next = 0;
  transactions.forEach(({ inputs }, i) => {
    const outputs = i === 0 ? [] : spent.slice(next, next + inputs.length);
    next += outputs.length;
    writer.compactSize(outputs.length);
    for (const { coin } of outputs) writer.i64(coin.output.amountSat).varBytes(coin.output.scriptPubKey);
  });
  return writer.finish();
}

/** Up to `count` headers of the active chain; none when the first is not in it. */
function headersFrom(
  { chain }: SandboxParts,
  first: BlockEntry | undefined,
  asked: string | null,
): Uint8Array | RestAnswer {
  const count = asked === null ? HEADERS_DEFAULT : Number(asked);
  if (!Number.isInteger(count) || count < 1 || count > HEADERS_MAX) {
    return refusal(400, `Header count is invalid or out of acceptable range (1-${HEADERS_MAX}): ${asked}`);
  }
  const headers: Uint8Array[] = [];
  let at = first !== undefined && chain.isActive(first) ? first : undefined;
  while (at !== undefined && headers.length < count) {
    headers.push(serializeHeader(at.header));
    at = chain.at(at.height + 1);
  }
  return concatBytes(...headers);
}

function answerJson(parts: SandboxParts, path: string, query: URLSearchParams): RestAnswer {
  try {
    if (path === "chaininfo") return json(chainInfo(parts));
    if (path === "mempool/info") return json(mempoolInfo(parts));
    if (path === "mempool/contents") {
      const isVerbose = query.get("verbose") !== "false";
      return json(mempoolContents(parts, isVerbose, query.get("mempool_sequence") === "true"));
    }
    return { status: 404, type: "text/plain", body: "" };
  } catch (error) {
    if (!(error instanceof RpcRefusal)) throw error;
    return refusal(400, error.message);
  }
}

function json(value: unknown): RestAnswer {
  return { status: 200, type: "application/json", body: `${JSON.stringify(value)}\n` };
}

function refusal(status: number, message: string): RestAnswer {
  return { status, type: "text/plain", body: `${message}\r\n` };
}
