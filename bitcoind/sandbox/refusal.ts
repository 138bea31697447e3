/** Why the sandbox refuses a block, a transaction or a call, in Bitcoin Core's words and codes. */

/** Bitcoin Core's `rpc/protocol.h`, as far as used here. */
export const RPC_CODE = Object.freeze({
  misc: -1,
  type: -3,
  addressOrKey: -5,
  invalidParameter: -8,
  deserialization: -22,
  verify: -25,
  verifyRejected: -26,
  alreadyInChain: -27,
  invalidRequest: -32600,
  methodNotFound: -32601,
  parse: -32700,
});

/** An error that the caller of the RPC gets to see. */
export class RpcRefusal extends Error {
  override readonly name = "RpcRefusal";
  readonly rpcCode: number;

  constructor(rpcCode: number, message: string) {
    super(message);
    this.rpcCode = rpcCode;
  }
}

/** A block or transaction breaks a rule; `reason` is Bitcoin Core's reject reason. */
export class RuleBroken extends Error {
  override readonly name = "RuleBroken";
  readonly reason: string;

  constructor(reason: string, detail?: string) {
    super(detail === undefined ? reason : `${reason} (${detail})`);
    this.reason = reason;
  }
}
