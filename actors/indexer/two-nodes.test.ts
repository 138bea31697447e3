/** An index over two nodes that do not agree, of which the preferred one goes away: two sandboxes, and two real nodes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import { nodeSection } from "../../bitcoind/config.ts";
import { SandboxNode } from "../../bitcoind/sandbox/node.ts";
import { type IndexerBlockNews, indexerContract } from "../../bus/contracts/indexer.ts";
import { IndexerUnderTest } from "../../tests/harness/indexer/indexer.ts";
import { KeptLog } from "../../tests/harness/kept-log.ts";
import { callNode, findBitcoind, RealNode } from "../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../tests/harness/node/coin-owner.ts";
import { NodeFront } from "../../tests/harness/node/node-front.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { nodeParts } from "./parts.ts";

const bitcoind = findBitcoind();
const opened: (() => Promise<void> | void)[] = [];

/** Of an index that waits for a node the looks come more and more seldom, at most half a minute apart, and nodes are left to rest. */
const LOOK_MS = 100_000;

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

interface Started {
  readonly rpcUrl: string;
  readonly cookiePath: string;
  stop(): Promise<void>;
}

const kinds: readonly { name: string; isMissing: boolean; start: () => Promise<Started> }[] = [
  {
    name: "two sandboxes",
    isMissing: false,
    async start() {
      const dataDirectory = mkdtempSync(join(tmpdir(), "troupe-two-nodes-"));
      opened.push(() => rmSync(dataDirectory, { recursive: true, force: true }));
      return SandboxNode.start({ dataDirectory });
    },
  },
  {
    name: "two real nodes",
    isMissing: bitcoind === undefined,
    start: () => RealNode.start(bitcoind as string),
  },
];

class TestNode {
  readonly #node: Started;
  readonly #address: string;
  readonly front: NodeFront;

  constructor(node: Started, name: string, front: NodeFront) {
    this.#node = node;
    this.#address = new CoinOwner(name).address("p2wpkh");
    this.front = front;
  }

  rpc<T>(method: string, ...params: unknown[]): Promise<T> {
    return callNode(this.#node.rpcUrl, this.#node.cookiePath, method, params) as Promise<T>;
  }

  mine(count: number): Promise<string[]> {
    return this.rpc("generatetoaddress", count, this.#address);
  }

  async take(blocks: readonly string[], from: TestNode): Promise<void> {
    for (const hash of blocks) await this.rpc("submitblock", await from.rpc("getblock", hash, 0));
  }
}

async function twoNodes(start: () => Promise<Started>): Promise<[TestNode, TestNode]> {
  const nodes: TestNode[] = [];
  for (const name of ["first", "second"]) {
    const started = await start();
    opened.push(() => started.stop());
    const front = await NodeFront.open(started);
    opened.push(() => front.leave());
    nodes.push(new TestNode(started, name, front));
  }
  return nodes as [TestNode, TestNode];
}

async function indexOver(nodes: readonly TestNode[], more: Partial<z.input<typeof nodeSection.schema>> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "troupe-two-nodes-"));
  opened.push(() => rmSync(directory, { recursive: true, force: true }));
  const cookie = join(directory, "cookie");
  writeFileSync(cookie, "any:any", { mode: 0o600 });
  const node = nodeSection.schema.parse({
    rpc: nodes.map(({ front }) => front.rpcUrl),
    cookie_file: cookie,
    ...more,
  });
  const log = new KeptLog();
  const under = await IndexerUnderTest.make({
    source: (context, network) =>
      nodeParts.source({ ...context, log, config: { ...context.config, node } }, network),
  });
  opened.push(() => under.stop());
  const news: IndexerBlockNews[] = [];
  const gone: IndexerBlockNews[] = [];
  await under.asker.onEvent(indexerContract, "block.connected", (body) => void news.push(body));
  await under.asker.onEvent(indexerContract, "block.disconnected", (body) => void gone.push(body));
  await under.asker.flush();
  await under.start();
  await waitFor("the index to be level", () => under.isReady);
  const tip = async () => (await under.asker.client(indexerContract).tip({})).tip?.hash;
  const isWaiting = () =>
    under.reports.at(-1)?.readiness === "degraded" &&
    /behind or on another branch/.test(under.reports.at(-1)?.progress ?? "");
  return { under, news, gone, tip, isWaiting, log };
}

describe.each(kinds.filter(({ isMissing }) => !isMissing))("an index over $name", ({ start }) => {
  it("is not rolled back by the second node that is behind or on a weaker branch, and goes on with the first", async () => {
    const [first, second] = await twoNodes(start);
    const blocks = await first.mine(30);
    await second.take(blocks.slice(0, 20), first);
    const { under, news, gone, tip, isWaiting } = await indexOver([first, second]);
    expect(await tip()).toBe(blocks.at(-1));

    await first.front.leave();
    await waitFor("the index to wait for a node that is behind", isWaiting);
    await second.mine(9);
    const asked = under.reports.length;
    await waitFor("the index to look at the weaker branch", () => under.reports.length > asked, LOOK_MS);
    expect(isWaiting()).toBe(true);
    // As much work as ours, by a node that is not the preferred one.
    await second.mine(1);
    const askedAgain = under.reports.length;
    await waitFor("a look at the branch of equal work", () => under.reports.length > askedAgain, LOOK_MS);
    expect(isWaiting()).toBe(true);
    expect(await tip()).toBe(blocks.at(-1));

    await first.front.comeBack();
    const [next] = await first.mine(1);
    await waitFor("the block that the first node found", async () => (await tip()) === next, LOOK_MS);
    await waitFor("the index to be level", () => under.isReady);
    await waitFor("its news", () => news.length > 0);
    expect(gone).toEqual([]);
    expect(news.map(({ hash }) => hash)).toEqual([next]);
  }, 400_000);

  it("asks the second while the first is behind, and goes over to a branch with more work", async () => {
    const [first, second] = await twoNodes(start);
    const blocks = await first.mine(10);
    await second.take(blocks, first);
    const { gone, tip } = await indexOver([first, second]);

    await first.front.leave();
    const ahead = await second.mine(3);
    await waitFor("the second node's blocks", async () => (await tip()) === ahead.at(-1));
    await first.front.comeBack();
    const [one] = await second.mine(1);
    await waitFor("one more, though the first is back and behind", async () => (await tip()) === one);
    expect(gone).toEqual([]);

    const other = await first.mine(5);
    await waitFor(
      "the first node's branch, which is better by one",
      async () => (await tip()) === other.at(-1),
    );
    await waitFor("the news of those that went", () => gone.length === 4);
    expect(gone.map(({ hash }) => hash)).toEqual([one, ...ahead.toReversed()]);
  }, 60_000);

  it("leaves its preferred node when that answers and is stuck, and goes back to it when it has caught up", async () => {
    const [first, second] = await twoNodes(start);
    const blocks = await first.mine(10);
    await second.take(blocks, first);
    const { gone, tip } = await indexOver([first, second], { stuck_blocks: 2, stuck_seconds: 1 });

    const ahead = await second.mine(3);
    await waitFor("the second node's blocks", async () => (await tip()) === ahead.at(-1));
    const [more] = await second.mine(1);
    await waitFor("the next of them", async () => (await tip()) === more);
    await first.take([...ahead, more as string], second);
    const [own] = await first.mine(1);
    await waitFor("the preferred node's own block", async () => (await tip()) === own);
    expect(gone).toEqual([]);
  }, 60_000);

  it("stays with its preferred node while that holds the longer chain of the other for invalid", async () => {
    const [first, second] = await twoNodes(start);
    const blocks = await first.mine(10);
    await second.take(blocks, first);
    await first.rpc("invalidateblock", blocks[9]);
    const { tip, log } = await indexOver([first, second], { stuck_blocks: 1, stuck_seconds: 1 });
    await second.mine(3);
    await waitFor("the index to have been told why", () =>
      log.lines.some(({ message }) => message.includes("refuses the chain of another")),
    );
    expect(await tip()).toBe(blocks[8]);
  }, 60_000);

  it("follows its preferred node to a chain with less work when its operator takes a block out", async () => {
    const [first] = await twoNodes(start);
    const blocks = await first.mine(12);
    const { gone, tip } = await indexOver([first]);

    await first.rpc("invalidateblock", blocks[8]);
    await waitFor("the chain below it", async () => (await tip()) === blocks[7]);
    await waitFor("the news of the four that went", () => gone.length === 4);
    // To another address: the same block again would still be invalid.
    const to = new CoinOwner("other").address("p2wpkh");
    const [replaced] = await first.rpc<string[]>("generatetoaddress", 1, to);
    await waitFor("the block in its place", async () => (await tip()) === replaced);
  }, 60_000);
});
