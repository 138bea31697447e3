/** What the node's refusals and absences mean for those who asked us. */
import { nodeRefusalOf } from "../../bitcoind/errors.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { MempoolFailure, RefusalKind } from "./errors.ts";

/** RPC_DESERIALIZATION_ERROR and RPC_VERIFY_ALREADY_IN_UTXO_SET. */
const UNDECODABLE = -22;
const ALREADY_CONFIRMED = -27;

/** Bitcoin Core's reasons, by how they begin or what is in them; what is not here is a matter of policy. */
const KINDS: readonly (readonly [RegExp, RefusalKind])[] = [
  [/already in utxo set|txn-already-known|already in block chain/, "already-confirmed"],
  [/missing-?inputs|inputs-missingorspent/, "missing-inputs"],
  [/min relay fee not met|mempool min fee not met|insufficient fee|mempool full/, "fee-too-low"],
  [/max-fee-exceeded|maxfeerate|absurdly-high-fee/, "fee-too-high"],
  [/txn-mempool-conflict|spends-conflicting|replacement/, "conflict"],
  [/^bad-|^(mandatory|mempool)-script|TX decode failed|^coinbase/, "invalid"],
];

export function refusalKindOf(reason: string, rpcCode = 0): RefusalKind {
  if (rpcCode === UNDECODABLE) return "invalid";
  if (rpcCode === ALREADY_CONFIRMED) return "already-confirmed";
  return KINDS.find(([pattern]) => pattern.test(reason))?.[1] ?? "policy";
}

/** These say that the node never looked at what it was asked. */
const NOT_EXECUTED: ReadonlySet<string> = new Set([
  "NODE_AUTH_REFUSED",
  "NODE_COOKIE_UNREADABLE",
  "NODE_WARMING_UP",
  "NODE_BUSY",
  "NODE_WRONG_CHAIN",
  "NODE_PRUNED",
  "NODE_SYNCING",
]);

/** Turns what the node's client throws into what the contract declares; what is no failure of the node passes unchanged. */
export async function asDeclared<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw declared(error);
  }
}

function declared(error: unknown): unknown {
  const refusal = nodeRefusalOf(error);
  if (refusal !== undefined) {
    const { reason, rpcCode } = refusal;
    return new TroupeError<MempoolFailure>(
      { code: "MEMPOOL_REFUSED", kind: refusalKindOf(reason, rpcCode), reason, rpcCode },
      `The node did not take it: ${reason}`,
      { cause: error },
    );
  }
  if (!(error instanceof TroupeError) || !error.code.startsWith("NODE_")) return error;
  const outcome = NOT_EXECUTED.has(error.code) ? "not_executed" : "unknown";
  return new TroupeError<MempoolFailure>(
    { code: "MEMPOOL_NODE_AWAY", reason: error.message, outcome },
    `The node does not answer just now: ${error.message}`,
    { cause: error },
  );
}
