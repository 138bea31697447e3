import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { KeptLog } from "../../tests/harness/kept-log.ts";
import { nodeError } from "../errors.ts";
import { Failover } from "./failover.ts";

class FakeNode {
  readonly name: string;
  isUp = true;
  isOnWrongChain = false;
  asked = 0;
  examined = 0;

  constructor(name: string) {
    this.name = name;
  }

  async ask(): Promise<string> {
    this.asked++;
    if (!this.isUp) throw nodeError({ code: "NODE_UNREACHABLE", node: this.name }, "away");
    return this.name;
  }

  async examine(): Promise<void> {
    this.examined++;
    if (!this.isUp) throw nodeError({ code: "NODE_UNREACHABLE", node: this.name }, "away");
    if (this.isOnWrongChain) throw nodeError({ code: "NODE_WRONG_CHAIN", node: this.name }, "wrong chain");
  }
}

function setUp() {
  const nodes = [new FakeNode("a"), new FakeNode("b"), new FakeNode("c")] as const;
  const clock = new ManualClock();
  const log = new KeptLog();
  const failover = new Failover<FakeNode>({
    nodes,
    nameOf: (node) => node.name,
    examine: (node) => node.examine(),
    clock,
    log,
  });
  return { nodes, clock, log, failover, ask: () => failover.run((node) => node.ask()) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("several nodes as one", () => {
  it("asks the first as long as it is well, and looks at it only once", async () => {
    const { nodes, ask } = setUp();
    await Promise.all([ask(), ask()]);
    expect(await ask()).toBe("a");
    expect(nodes.map((node) => [node.asked, node.examined])).toEqual([
      [3, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  it("goes on to the next that answers, and comes back to the first when it is well", async () => {
    const { nodes, clock, ask, failover } = setUp();
    await ask();
    nodes[0].isUp = false;
    nodes[1].isUp = false;
    expect(await ask()).toBe("c");
    expect(await ask()).toBe("c");

    nodes[0].isUp = true;
    clock.advance(250);
    await settle();
    expect(failover.current?.name).toBe("a");
    expect(await ask()).toBe("a");
  });

  it("leaves a node that stays away alone for longer and longer, up to fifteen seconds", async () => {
    const { nodes, clock, ask } = setUp();
    await ask();
    nodes[0].isUp = false;
    await ask();
    const waits: number[] = [];
    for (let waitedMs = 0; waits.length < 9; waitedMs += 50) {
      const before = nodes[0].examined;
      clock.advance(50);
      await settle();
      if (nodes[0].examined > before) {
        waits.push(waitedMs + 50);
        waitedMs = -50;
      }
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  it("does not use a node of another chain", async () => {
    const { nodes, ask, log } = setUp();
    nodes[0].isOnWrongChain = true;
    expect(await ask()).toBe("b");
    expect(nodes[0].asked).toBe(0);
    expect(log.lines).toEqual([
      {
        level: "warn",
        message: "a Bitcoin node does not answer as it should",
        context: { node: "a", reason: "wrong chain" },
      },
    ]);
  });

  it("gives the last failure when none answers, and tries them again the next time", async () => {
    const { nodes, ask } = setUp();
    for (const node of nodes) node.isUp = false;
    await expect(ask()).rejects.toMatchObject({ code: "NODE_UNREACHABLE", data: { node: "c" } });
    nodes[1].isUp = true;
    expect(await ask()).toBe("b");
  });

  it("does not ask another node about a refusal, which would be the same", async () => {
    const { nodes, failover } = setUp();
    const refused = failover.run(async (node) => {
      node.asked++;
      throw nodeError({ code: "NODE_RPC_ERROR", node: node.name, rpcCode: -26 }, "no");
    });
    await expect(refused).rejects.toMatchObject({ code: "NODE_RPC_ERROR" });
    expect(nodes.map((node) => node.asked)).toEqual([1, 0, 0]);
  });

  it("takes of their answers the best, and leaves one that is worse aside until it has caught up", async () => {
    const { nodes, clock, failover, ask } = setUp();
    const works: Record<string, number> = { a: 5, b: 5, c: 9 };
    const level = 5;
    const choose = () =>
      failover.choose(async (node) => ({ name: await node.ask(), work: works[node.name] as number }), {
        isLevel: ({ work }) => work >= level,
        isBetter: (a, b) => a.work > b.work,
      });
    expect(await choose()).toEqual({ name: "a", work: 5 });
    expect(nodes[1].asked).toBe(0);

    works["a"] = 4;
    expect(await choose()).toEqual({ name: "b", work: 5 });
    expect(failover.current?.name).toBe("b");
    expect(await ask()).toBe("b");
    expect(nodes[2].asked).toBe(0);

    nodes[1].isUp = false;
    nodes[2].isUp = false;
    expect(await choose()).toEqual({ name: "a", work: 4 });
    expect(await ask()).toBe("a");

    nodes[1].isUp = true;
    clock.advance(500);
    await settle();
    expect(await choose()).toEqual({ name: "b", work: 5 });
    works["a"] = 6;
    expect(await choose()).toEqual({ name: "a", work: 6 });
    expect(failover.current?.name).toBe("a");
  });

  it("does not wait for one at rest when another has answered", async () => {
    const { nodes, failover } = setUp();
    nodes[0].isUp = false;
    nodes[2].isUp = false;
    const choose = () =>
      failover.choose((node) => node.ask(), { isLevel: () => false, isBetter: () => false });
    expect(await choose()).toBe("b");
    const examined = nodes.map((node) => node.examined);
    expect(await choose()).toBe("b");
    expect(nodes.map((node) => node.examined)).toEqual(examined);
    nodes[1].isUp = false;
    await expect(choose()).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
  });
});
