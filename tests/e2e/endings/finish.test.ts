/** An actor that has done its work ends by itself: a normal end, which only a permanent actor does not survive as such. */
import { afterEach, describe, expect, test } from "vitest";
import type { Restart } from "../../../supervisor/spec.ts";
import { DummyTree } from "../../harness/trees/dummy-tree.ts";

let troupe: DummyTree | undefined;
afterEach(async () => {
  await troupe?.stop();
  troupe?.remove();
  troupe = undefined;
});

async function grow(restart: Restart): Promise<DummyTree> {
  troupe = await DummyTree.grow({
    bus: "embedded",
    threads: ["here"],
    staged: ["staged"],
    processes: ["own"],
    changes: { restart },
  });
  return troupe;
}

function idsOf({ tree }: DummyTree): string[] {
  return tree.supervisor.statuses().map(({ id }) => id);
}

const PLACES = ["here", "staged", "own"] as const;

describe.each(PLACES)("a dummy %s that finishes", (id) => {
  test("is started again when it is permanent, as after any end, and no error is told of it", async () => {
    const { tree, client } = bound(await grow("permanent"));
    const life = tree.life(id);

    await client(id).break({ how: "finish" });
    await tree.backAfter(id, life);

    expect(await life.exited).toMatchObject({ kind: "normal", exitCode: 0 });
    expect(tree.status(id).restarts).toBe(1);
    expect(tree.status(id).lastError).toBeUndefined();
  });

  test("stays stopped when it is transient, until an operator restarts it; one that fails is started again", async () => {
    const { tree, client } = bound(await grow("transient"));
    const [first, others] = [tree.life(id), PLACES.filter((other) => other !== id)];

    await client(id).break({ how: "throw" });
    await tree.backAfter(id, first);
    const second = tree.life(id);
    await client(id).break({ how: "finish" });
    expect(await second.exited).toMatchObject({ kind: "normal" });
    await tree.until("it has stopped", () => tree.status(id).state === "stopped");

    expect(tree.life(id)).toBe(second);
    expect(tree.status(id).restarts).toBe(1);
    for (const other of others) expect(tree.status(other).restarts).toBe(0);
    await tree.supervisor.restart(id);
    await tree.backAfter(id, second);
  });

  test("is forgotten when it is temporary", async () => {
    const dummies = await grow("temporary");
    const { tree, client } = bound(dummies);
    const life = tree.life(id);

    await client(id).break({ how: "finish" });
    expect(await life.exited).toMatchObject({ kind: "normal" });
    await tree.until("it has left the tree", () => !idsOf(dummies).includes(id));

    expect(tree.life(id)).toBe(life);
    expect(idsOf(dummies)).toEqual(["bus", "stage", ...PLACES].filter((other) => other !== id));
  });
});

function bound(dummies: DummyTree): Pick<DummyTree, "tree" | "client"> {
  return { tree: dummies.tree, client: (id) => dummies.client(id) };
}
