/** Hands a signed transaction to the node, and tells refusal from an answer that was lost. */
import type { Bus, Client } from "../../../bus/bus.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import { denials } from "../denials.ts";

export class Broadcast {
  readonly #mempool: Client<typeof mempoolContract>;

  constructor(bus: Bus) {
    this.#mempool = bus.client(mempoolContract);
  }

  /** Throws `WALLETD_NOT_TAKEN` when the node does not want it, `WALLETD_NOT_KNOWN_SENT` when nobody knows. */
  async send(txid: string, rawTx: string, signal?: AbortSignal): Promise<void> {
    try {
      const input = { rawTx: Buffer.from(rawTx, "hex").toString("base64") };
      await this.#mempool.broadcast(input, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!hasCode(error, "MEMPOOL_REFUSED")) throw denials.notKnownSent(txid, toWireError(error).message);
      const { kind, reason } = (error as unknown as { data: { kind: string; reason: string } }).data;
      // Somebody mined it meanwhile: that is what was wanted.
      if (kind !== "already-confirmed") throw denials.notTaken(txid, kind, reason);
    }
  }
}
