import { describe, expect, it } from "vitest";
import { type Asker, FairTurns } from "./fair-turns.ts";

const OPTIONS = { atOnce: 2, waitingMax: 60, waitingPerAskerMax: 20 };
const greedy: Asker = { address: "198.51.100.1", isViaTor: false };
const modest: Asker = { address: "198.51.100.2", isViaTor: false };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Work in the order in which it was begun, each ended by hand. */
class Works {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly #turns = new FairTurns(OPTIONS);

  ask(asker: Asker, name: string): Promise<string> {
    return this.#turns.take(asker, () => {
      this.begun.push(name);
      return new Promise((resolve) => this.#ends.set(name, () => resolve(name)));
    });
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    await turn();
  }
}

describe("turns", () => {
  it("go round: who asks for one thing does not wait for all that another has asked for before", async () => {
    const works = new Works();
    const all = Array.from({ length: 20 }, (_, i) => works.ask(greedy, `g${i}`));
    await turn();
    all.push(works.ask(modest, "m0"), works.ask(undefined, "ours"), works.ask(modest, "m1"));
    await turn();
    expect(works.begun).toEqual(["g0", "g1"]);
    for (let at = 0; at < works.begun.length; at++) await works.end(works.begun[at] as string);

    expect(works.begun.slice(2, 8)).toEqual(["g2", "m0", "ours", "g3", "m1", "g4"]);
    expect(await Promise.all(all)).toHaveLength(23);
  });

  it("are refused to who has too many, by machine and for all of Tor, and to nobody else", async () => {
    const works = new Works();
    const all = Array.from({ length: 22 }, (_, i) =>
      works.ask({ address: `2001:db8::${i}`, isViaTor: false }, `${i}`),
    );
    const refused = { code: -102, message: "server busy - too many requests wait for the index" };
    await expect(works.ask({ address: "2001:db8::ffff", isViaTor: false }, "more")).rejects.toMatchObject(
      refused,
    );
    all.push(works.ask({ address: "2001:db8:0:1::", isViaTor: false }, "neighbour"));
    for (let i = 0; i < 20; i++) all.push(works.ask({ address: undefined, isViaTor: true }, `tor ${i}`));
    await expect(works.ask({ address: undefined, isViaTor: true }, "more")).rejects.toMatchObject(refused);
    all.push(works.ask(modest, "last"));
    for (let i = 0; i < 5; i++) all.push(works.ask(undefined, `ours ${i}`));
    await turn();
    for (let at = 0; at < works.begun.length; at++) await works.end(works.begun[at] as string);

    expect(await Promise.all(all)).toHaveLength(49);
    expect(works.begun).not.toContain("more");
  });

  it("go on after work that fails", async () => {
    const turns = new FairTurns({ ...OPTIONS, atOnce: 1 });
    const failing = turns.take(greedy, () => Promise.reject(new Error("away")));
    const next = turns.take(modest, async () => "done");

    await expect(failing).rejects.toThrow("away");
    expect(await next).toBe("done");
    expect(await turns.take(greedy, async () => "again")).toBe("again");
  });
});
