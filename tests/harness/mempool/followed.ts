/** A mempool's view that follows a made-up node through a random life, and what it tells of each change. */
import fc from "fast-check";
import { Follower } from "../../../actors/mempool/sync/follower.ts";
import type { MempoolSource } from "../../../actors/mempool/sync/source.ts";
import { View } from "../../../actors/mempool/view/view.ts";
import type { Randomness } from "../../../bench/chain/randomness.ts";
import type { MempoolChange } from "../../../bus/contracts/mempool.ts";
import { systemClock } from "../../../runtime/clock.ts";
import type { ModelNode } from "./model-node.ts";

const NEVER_MS = 3_600_000;

export const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("send" as const), count: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("replace" as const), count: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("evict" as const), count: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("mine" as const), count: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reorganise" as const), count: fc.nat(3) }) },
);
export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

export function perform(node: ModelNode, { kind, count }: Operation, random: Randomness): void {
  if (kind === "reorganise") return node.reorganise(count + 1, random.fraction());
  for (let i = 0; i <= count; i++) {
    if (kind === "mine") node.mine(random.fraction());
    else node[kind]();
  }
}

/** A follower in full run over a made-up node, and a listener that believes what it is told. */
export class Followed {
  readonly node: ModelNode;
  readonly view = new View();
  readonly follower: Follower;
  readonly told: MempoolChange[] = [];
  /** Of a listener who only adds and removes what it hears. */
  readonly believed = new Set<string>();
  readonly #stop = new AbortController();
  #isLevel = false;
  running: Promise<void> = Promise.resolve();

  constructor(node: ModelNode, source: MempoolSource, memoryBytesMax = 1e9) {
    this.node = node;
    this.follower = new Follower({
      source,
      view: this.view,
      clock: systemClock,
      serialization: "bitcoin",
      pollMs: () => NEVER_MS,
      memoryBytesMax,
      kept: new Map(),
      news: {
        changed: (changes) => this.#hear(changes.parts(this.view.now)),
        progress: () => undefined,
        level: () => {
          this.#isLevel = true;
        },
      },
    });
  }

  /** Runs until there is nothing left to do; `begin` gives it something. */
  async settle(begin: () => void): Promise<void> {
    begin();
    do {
      this.#isLevel = false;
      await Promise.race([this.follower.nextStep(), this.running]);
    } while (!this.#isLevel);
  }

  start(): void {
    this.running = this.follower.run(this.#stop.signal);
    this.running.catch(() => {}); // settle tells
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("end of the test"));
    await this.running.catch(() => {}); // the abort
  }

  #hear(parts: MempoolChange[]): void {
    this.told.push(...parts);
    for (const { touched, added, removed } of parts) {
      if (touched === null) {
        this.believed.clear();
        for (const { txid } of this.view.tables.unconfirmed()) this.believed.add(txid);
      }
      for (const txid of added) this.believed.add(txid);
      for (const { txid } of removed) this.believed.delete(txid);
    }
  }
}
