/** The mempool as the program runs it: lists over RPC, single news over ZMQ where the node publishes them. */
import { NodeClient } from "../../bitcoind/client.ts";
import { NodeMempool } from "../../bitcoind/questions/mempool.ts";
import type { MempoolParts } from "./actor.ts";

export const nodeParts: MempoolParts = Object.freeze({
  node({ clock, config, log }, network, news) {
    const client = new NodeClient({ config: config.node, network, clock, log });
    client.onSequence(news.onEvent, news.onGap);
    return new NodeMempool(client);
  },
} satisfies MempoolParts);
