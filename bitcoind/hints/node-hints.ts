/** Hears what the nodes tell over ZMQ, of each node the first of some topics that it publishes: only hints, and the node is asked what they mean. */
import { blockHashOf, HEADER_LENGTH_BYTES } from "../../bitcoin/block/header.ts";
import { type BlockHash, bytesToHex, HASH_LENGTH_BYTES } from "../../bitcoin/bytes.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log/log.ts";
import { parseSequence, type SequenceEvent } from "../sequence.ts";
import { ZmqSubscriber } from "../zmq.ts";
import type { Publisher } from "./publishers.ts";

export interface NodeHintsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The best first. */
  readonly topics: readonly string[];
  readonly onMessage: (topic: string, body: Uint8Array) => void;
  /** Messages may have been lost. */
  readonly onGap: () => void;
}

/** The rarest first: a node that publishes only `sequence` tells of each transaction too. */
const BLOCK_TOPICS = ["hashblock", "rawblock", "sequence"] as const;

export class NodeHints {
  readonly #options: NodeHintsOptions;
  readonly #subscribers = new Map<string, { readonly url: string; readonly subscriber: ZmqSubscriber }>();
  #isClosed = false;

  constructor(options: NodeHintsOptions) {
    this.#options = options;
  }

  /** True while news can come from this node. */
  isConnected(node: string): boolean {
    return this.#subscribers.get(node)?.subscriber.isConnected ?? false;
  }

  /** Subscribes to what this node publishes now; a subscription that is the same goes on. */
  follow(node: string, publishers: readonly Publisher[]): void {
    if (this.#isClosed) return;
    const { clock, log, topics, onMessage, onGap } = this.#options;
    const topic = topics.find((name) => publishers.some((publisher) => publisher.topic === name));
    const url = publishers.find((publisher) => publisher.topic === topic)?.url;
    const present = this.#subscribers.get(node);
    if (present?.url === url) return;
    present?.subscriber.close();
    this.#subscribers.delete(node);
    if (topic === undefined || url === undefined) return;
    const subscriber = new ZmqSubscriber({ url, topics: [topic], clock, log, onMessage, onGap });
    this.#subscribers.set(node, { url, subscriber });
    log.info("a Bitcoin node tells its news over ZMQ", { node, url, topic });
  }

  close(): void {
    this.#isClosed = true;
    for (const { subscriber } of this.#subscribers.values()) subscriber.close();
  }
}

/** The best chain of a node may be another now; where its news names the block that came, this one. */
export type BlockHint = (connected?: BlockHash) => void;

export function blockHints(clock: Clock, log: Log, onHint: BlockHint): NodeHints {
  const onMessage = (topic: string, body: Uint8Array) => {
    if (topic !== "sequence") return onHint(namedBlock(topic, body));
    const event = parseSequence(body);
    if (event?.kind === "connected") onHint(event.hash);
    else if (event?.kind === "disconnected") onHint();
  };
  return new NodeHints({ clock, log, topics: BLOCK_TOPICS, onMessage, onGap: () => onHint() });
}

/** Blocks and transactions one by one, as the node names them. */
export function sequenceHints(
  clock: Clock,
  log: Log,
  onEvent: (event: SequenceEvent) => void,
  onGap: () => void,
): NodeHints {
  const onMessage = (_: string, body: Uint8Array) => {
    const event = parseSequence(body);
    if (event !== undefined) onEvent(event);
  };
  return new NodeHints({ clock, log, topics: ["sequence"], onMessage, onGap });
}

/** A node publishes hashes as people write them. */
function namedBlock(topic: string, body: Uint8Array): BlockHash | undefined {
  if (topic === "rawblock") {
    return body.length < HEADER_LENGTH_BYTES ? undefined : blockHashOf(body.subarray(0, HEADER_LENGTH_BYTES));
  }
  return body.length === HASH_LENGTH_BYTES ? (bytesToHex(body) as BlockHash) : undefined;
}
