/** Hands a signed transaction to the node, and tells refusal from an answer that was lost. */
import type { Bus, Client } from "../../../bus/bus.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import { denials } from "../denials.ts";

export class Broadcast {
  readonly #mempool: Client<typeof mempoolContract>;
  /** Signed in this life, and never since handed to a node that may have taken them. */
  readonly #unsent = new Set<string>();

  constructor(bus: Bus) {
    this.#mempool = bus.client(mempoolContract);
  }

  /** It has just been signed, and nobody else has it. */
  justSigned(txid: string): void {
    this.#unsent.add(txid);
  }

  /** Whether the network may have it: of what an earlier life has signed nobody knows. */
  mayBeOut(txid: string): boolean {
    return !this.#unsent.has(txid);
  }

  /** Throws `WALLETD_NOT_TAKEN` when the node does not want it, `WALLETD_NOT_KNOWN_SENT` when nobody knows. */
  async send(txid: string, rawTx: string, signal?: AbortSignal): Promise<void> {
    try {
      const input = { rawTx: Buffer.from(rawTx, "hex").toString("base64") };
      await this.#mempool.broadcast(input, signal === undefined ? {} : { signal });
    } catch (error) {
      const { message, data } = toWireError(error);
      if (!hasCode(error, "MEMPOOL_REFUSED")) {
        if (data["outcome"] !== "not_executed") this.#unsent.delete(txid);
        throw denials.notKnownSent(txid, message);
      }
      const { kind, reason } = data as { readonly kind: string; readonly reason: string };
      // Somebody mined it meanwhile: that is what was wanted.
      if (kind !== "already-confirmed") throw denials.notTaken(txid, kind, reason);
    }
    this.#unsent.delete(txid);
  }
}
