import { describe, expect, it } from "vitest";
import { nodeError } from "../../bitcoind/errors.ts";
import { asDeclared, refusalKindOf } from "./refusals.ts";

describe("what the node refuses", () => {
  it.each([
    ["TX decode failed. Make sure the tx has at least one input.", -22, "invalid"],
    ["Transaction outputs already in utxo set", -27, "already-confirmed"],
    ["txn-already-known", -26, "already-confirmed"],
    ["bad-txns-inputs-missingorspent", -25, "missing-inputs"],
    ["missing-inputs", 0, "missing-inputs"],
    ["min relay fee not met, 0 < 141", -26, "fee-too-low"],
    ["mempool min fee not met, 150 < 300", -26, "fee-too-low"],
    ["insufficient fee, rejecting replacement 00aa; new feerate 0.1 <= old feerate 0.2", -26, "fee-too-low"],
    ["Fee exceeds maximum configured by user (maxfeerate)", -25, "fee-too-high"],
    ["max-fee-exceeded", 0, "fee-too-high"],
    ["txn-mempool-conflict", -26, "conflict"],
    ["replacement-adds-unconfirmed", -26, "conflict"],
    ["mandatory-script-verify-flag-failed (Invalid Schnorr signature)", -26, "invalid"],
    ["mempool-script-verify-flag-failed (Invalid Schnorr signature)", -26, "invalid"],
    ["non-mandatory-script-verify-flag (Witness version reserved for soft-fork upgrades)", -26, "policy"],
    ["dust, tx with dust output must be 0-fee", -26, "policy"],
    ["too-long-mempool-chain, too many unconfirmed ancestors", -26, "policy"],
  ])("%s (%i) is of the kind %s", (reason, rpcCode, kind) =>
    expect(refusalKindOf(reason, rpcCode)).toBe(kind),
  );

  it("keeps the node's words and code", async () => {
    const refused = nodeError(
      { code: "NODE_RPC_ERROR", node: "n", method: "m", rpcCode: -26, reason: "dust" },
      "The node n refused m: dust (-26)",
    );
    await expect(asDeclared(Promise.reject(refused))).rejects.toMatchObject({
      code: "MEMPOOL_REFUSED",
      data: { kind: "policy", reason: "dust", rpcCode: -26 },
    });
  });

  it.each([
    ["NODE_TIMEOUT", "unknown"],
    ["NODE_UNREACHABLE", "unknown"],
    ["NODE_BAD_REPLY", "unknown"],
    ["NODE_WARMING_UP", "not_executed"],
    ["NODE_BUSY", "not_executed"],
  ] as const)("says after %s whether the request was executed: %s", async (code, outcome) => {
    await expect(asDeclared(Promise.reject(nodeError({ code, node: "n" }, "away")))).rejects.toMatchObject({
      code: "MEMPOOL_NODE_AWAY",
      data: { outcome },
    });
  });

  it("leaves our own faults as they are", async () => {
    await expect(asDeclared(Promise.reject(new RangeError("ours")))).rejects.toThrow(RangeError);
  });
});
