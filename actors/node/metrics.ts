/** The sandbox node's instruments. */
import type { Meter } from "@opentelemetry/api";
import type { NodeTip } from "../../bus/contracts/node.ts";

/** Follows `read` whenever the figures are collected. */
export function observeNode(meter: Meter, read: () => NodeTip): void {
  meter
    .createObservableGauge("troupe_sandbox_height", { description: "The height of the sandbox's chain." })
    .addCallback((result) => result.observe(read().height));
  meter
    .createObservableGauge("troupe_sandbox_mempool_txs", {
      description: "Transactions that wait for a block of the sandbox.",
    })
    .addCallback((result) => result.observe(read().mempoolTxs));
}
