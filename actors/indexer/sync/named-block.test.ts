import { describe, expect, it } from "vitest";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import type { BlockHint } from "../../../bitcoind/hints/node-hints.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { type AskedNode, NodeSource } from "./node-source.ts";

const HASH = "11".repeat(32) as BlockHash;
const BLOCK = Uint8Array.of(1, 2, 3);
const SPENT = [Uint8Array.of(4)];
const { signal } = new AbortController();

/** A node that counts what it is asked for; the first answers may be failures. */
function over(failures = 0) {
  const asked: string[] = [];
  let left = failures;
  const answer = async <T>(what: string, value: T): Promise<T> => {
    asked.push(what);
    if (left-- > 0) throw new Error("away");
    return value;
  };
  let hint: BlockHint = () => {};
  const client: Partial<AskedNode> = {
    blockBytes: () => answer("block", BLOCK),
    spentScripts: () => answer("spent", SPENT),
    onHint: (listener) => {
      hint = listener;
    },
  };
  const clock = new ManualClock();
  const source = new NodeSource({ client: client as AskedNode, network: regtest, clock, ahead: 2 }).listen();
  const take = async () => {
    const blocks: Uint8Array[] = [];
    for await (const block of source.blocks([HASH], signal)) blocks.push(block);
    return [blocks, await source.spentScripts(HASH)];
  };
  return { asked, source, take, tell: (hash?: BlockHash) => hint(hash) };
}

describe("a block that a node's news names", () => {
  it("is fetched at once by who waits for news, and not again when its turn comes", async () => {
    const { asked, source, take, tell } = over();
    const waiting = source.waitForChange(1_000, signal);
    tell(HASH);
    expect(asked).toEqual(["block", "spent"]);
    await waiting;
    expect(await take()).toEqual([[BLOCK], SPENT]);
    expect(asked).toEqual(["block", "spent"]);
    // What was taken is not kept.
    await take();
    expect(asked).toEqual(["block", "spent", "block", "spent"]);
  });

  it("is asked for in its turn if it could not be had before", async () => {
    const { asked, source, take, tell } = over(2);
    const waiting = source.waitForChange(1_000, signal);
    tell(HASH);
    await waiting;
    expect(await take()).toEqual([[BLOCK], SPENT]);
    expect(asked).toEqual(["block", "spent", "block", "spent"]);
  });

  it("is left to its turn while nobody waits, and when no block is named", async () => {
    const { asked, source, tell } = over();
    tell(HASH);
    await source.waitForChange(1_000, signal);
    const waiting = source.waitForChange(1_000, signal);
    tell();
    await waiting;
    expect(asked).toEqual([]);
  });

  it("does not stand in for another", async () => {
    const { asked, source, tell } = over();
    const waiting = source.waitForChange(1_000, signal);
    tell("22".repeat(32) as BlockHash);
    await waiting;
    for await (const block of source.blocks([HASH], signal)) expect(block).toEqual(BLOCK);
    expect(asked).toEqual(["block", "spent", "block"]);
  });
});
