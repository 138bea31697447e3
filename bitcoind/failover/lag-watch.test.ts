import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { KeptLog } from "../../tests/harness/kept-log.ts";
import { nodeError } from "../errors.ts";
import { Failover } from "./failover.ts";
import { LagWatch } from "./lag-watch.ts";

interface FakeNode {
  readonly name: string;
  height: number;
  /** What its chain weighs beyond its height. */
  bonus: number;
  isUp: boolean;
  /** Whose chain it holds for invalid. */
  rejects: string[];
}

const BLOCKS = 2;
const PATIENCE_MS = 60_000;
/** Between two looks. */
const STEP_MS = 10_000;

function setUp() {
  const nodes: readonly FakeNode[] = ["a", "b", "c"].map((name) => ({
    name,
    height: 100,
    bonus: 0,
    isUp: true,
    rejects: [],
  }));
  const clock = new ManualClock();
  const log = new KeptLog();
  const away = (node: FakeNode) => nodeError({ code: "NODE_UNREACHABLE", node: node.name }, "away");
  const examine = async (node: FakeNode) => {
    if (!node.isUp) throw away(node);
  };
  const failover: Failover<FakeNode> = new Failover<FakeNode>({
    nodes,
    nameOf: ({ name }) => name,
    examine,
    clock,
    log,
    onBack: () => void watch.look(),
  });
  const watch: LagWatch<FakeNode> = new LagWatch<FakeNode>({
    nodes: failover,
    nameOf: ({ name }) => name,
    standingOf: async (node) => {
      await examine(node);
      return { height: node.height, work: BigInt(node.height + node.bonus) };
    },
    rejects: async (node, other) => {
      await examine(node);
      return node.rejects.includes(other.name);
    },
    blocks: BLOCKS,
    patienceMs: PATIENCE_MS,
    clock,
    log,
  });
  const ask = () =>
    failover.run(async (node) => {
      await examine(node);
      return node.name;
    });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      clock.advance(STEP_MS);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode];
  return { a, b, c, clock, log, failover, watch, ask, pass };
}

describe("nodes that answer and stay behind", () => {
  it("are left after their time, and taken back when they have caught up", async () => {
    const { a, b, ask, pass, log } = setUp();
    b.height = 102;
    await pass(PATIENCE_MS);
    expect(await ask()).toBe("a");
    await pass(STEP_MS);
    expect(await ask()).toBe("b");
    expect(log.lines).toEqual([
      {
        level: "warn",
        message: "a Bitcoin node is stuck; others are asked until it has caught up",
        context: { node: "a", height: 100, other: "b", otherHeight: 102 },
      },
      {
        level: "warn",
        message: "a Bitcoin node is stuck; others are asked until it has caught up",
        context: { node: "c", height: 100, other: "b", otherHeight: 102 },
      },
    ]);

    a.height = 101;
    await pass(10 * PATIENCE_MS);
    expect(await ask()).toBe("b");
    a.height = 102;
    await pass(STEP_MS);
    expect(await ask()).toBe("a");
  });

  it("are not left for fewer blocks, for less time, or for a chain that weighs less", async () => {
    const { a, b, ask, pass } = setUp();
    b.height = 101;
    await pass(10 * PATIENCE_MS);
    expect(await ask()).toBe("a");

    for (let times = 0; times < 5; times++) {
      b.height += 2;
      await pass(PATIENCE_MS - STEP_MS);
      a.height = b.height;
      await pass(STEP_MS);
    }
    expect(await ask()).toBe("a");

    a.bonus = 50;
    b.height += 20;
    await pass(10 * PATIENCE_MS);
    expect(await ask()).toBe("a");
  });

  it("are asked again when nobody else is well, and not preferred to the better one when that is back", async () => {
    const { a, b, c, ask, pass } = setUp();
    b.height = 110;
    await pass(PATIENCE_MS + STEP_MS);
    expect(await ask()).toBe("b");
    b.isUp = false;
    c.isUp = false;
    expect(await ask()).toBe("a");
    await pass(10 * PATIENCE_MS);
    expect(await ask()).toBe("a");

    b.isUp = true;
    await pass(2 * STEP_MS);
    expect(await ask()).toBe("b");
    a.height = 110;
    await pass(STEP_MS);
    expect(await ask()).toBe("a");
  });

  it("that come back from an absence are not preferred before they are level", async () => {
    const { a, b, ask, pass } = setUp();
    await pass(STEP_MS);
    a.isUp = false;
    expect(await ask()).toBe("b");
    b.height = 101;
    a.isUp = true;
    await pass(2 * STEP_MS);
    expect(await ask()).toBe("b");
    a.height = 101;
    await pass(STEP_MS);
    expect(await ask()).toBe("a");
  });

  it("are believed when they hold the better chain for invalid, and that is told once", async () => {
    const { a, b, ask, pass, log } = setUp();
    b.height = 110;
    a.rejects = ["b"];
    await pass(10 * PATIENCE_MS);
    expect(await ask()).toBe("a");
    const told = log.lines.filter(({ message }) => message.includes("refuses"));
    expect(told.map(({ context }) => context)).toEqual([{ node: "a", other: "b" }]);

    // Also after it was away.
    a.isUp = false;
    expect(await ask()).toBe("b");
    a.isUp = true;
    await pass(2 * STEP_MS);
    expect(await ask()).toBe("a");
  });

  it("are not compared any more after the end", async () => {
    const { b, watch, ask, pass } = setUp();
    watch.close();
    b.height = 110;
    await pass(10 * PATIENCE_MS);
    expect(await ask()).toBe("a");
  });
});
