/** Wakes whoever follows the chain when a node tells of a new block over ZMQ: only a hint, and the node is asked what it means. */
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log/log.ts";
import { parseSequence } from "../sequence.ts";
import { ZmqSubscriber } from "../zmq.ts";
import type { Publisher } from "./publishers.ts";

export interface BlockHintsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The best chain of a node may be another now. */
  readonly onHint: () => void;
}

/** The rarest first: a node that publishes only `sequence` tells of each transaction too. */
const TOPICS = ["hashblock", "rawblock", "sequence"] as const;

export class BlockHints {
  readonly #options: BlockHintsOptions;
  readonly #subscribers = new Map<string, { readonly url: string; readonly subscriber: ZmqSubscriber }>();
  #isClosed = false;

  constructor(options: BlockHintsOptions) {
    this.#options = options;
  }

  /** Subscribes to what this node publishes now; a subscription that is the same goes on. */
  follow(node: string, publishers: readonly Publisher[]): void {
    if (this.#isClosed) return;
    const topic = TOPICS.find((name) => publishers.some((publisher) => publisher.topic === name));
    const url = publishers.find((publisher) => publisher.topic === topic)?.url;
    const present = this.#subscribers.get(node);
    if (present?.url === url) return;
    present?.subscriber.close();
    this.#subscribers.delete(node);
    if (topic === undefined || url === undefined) return;
    const { clock, log, onHint } = this.#options;
    const subscriber = new ZmqSubscriber({
      url,
      topics: [topic],
      clock,
      log,
      onMessage: (_topic, body) => {
        if (topic !== "sequence" || isOfBlock(body)) onHint();
      },
      onGap: onHint,
    });
    this.#subscribers.set(node, { url, subscriber });
    log.info("a Bitcoin node tells of new blocks over ZMQ", { node, url, topic });
  }

  close(): void {
    this.#isClosed = true;
    for (const { subscriber } of this.#subscribers.values()) subscriber.close();
  }
}

function isOfBlock(body: Uint8Array): boolean {
  const kind = parseSequence(body)?.kind;
  return kind === "connected" || kind === "disconnected";
}
