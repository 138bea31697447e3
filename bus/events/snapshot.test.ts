import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { type World, worlds } from "../../tests/harness/worlds.ts";
import type { Bus, Publisher } from "../bus.ts";
import { ConnectedBus } from "../connected-bus.ts";
import { contract } from "../contract/contract.ts";
import { permissionsOf } from "../contract/permissions.ts";
import { silentLog } from "../fake.ts";
import { type Follower, followState } from "./snapshot.ts";

/** A pool whose readers keep a copy: entries come and go, and some readers may also see how large it is. */
const pool = contract("mempool", { semver: "1.0.0", doc: "A pool.", instances: "any" })
  .rpc("entries", {
    doc: "All entries, with the place in the sequence they belong to.",
    input: z.object({}),
    output: z.object({ epoch: z.string(), seq: z.int(), entries: z.array(z.int()) }),
    deadlineMs: 10_000,
    idempotency: "idempotent",
    callers: ["gateway"],
  })
  .event("added", { doc: "x", body: z.object({ id: z.int() }), readers: ["gateway"] })
  .event("removed", { doc: "x", body: z.object({ id: z.int() }), readers: ["gateway"] })
  .state("size", { doc: "x", body: z.object({ count: z.int() }), readers: ["gateway"] })
  .state("secret", { doc: "x", body: z.object({ count: z.int() }), readers: ["supervisor"] });

/** The pool's owner: every change and its event happen in one turn. */
class Pool {
  readonly entries = new Set<number>();
  readonly publisher: Publisher<typeof pool>;
  #next = 0;

  constructor(bus: Bus) {
    this.publisher = bus.publisher(pool);
  }

  snapshot() {
    const { epoch, seq } = this.publisher;
    return { epoch, seq, entries: [...this.entries] };
  }

  change(random: number): void {
    const [oldest] = this.entries;
    if (oldest !== undefined && (random < 0.4 || this.entries.size > 200)) {
      this.entries.delete(oldest);
      this.publisher.event("removed", { id: oldest });
    } else {
      const id = this.#next++;
      this.entries.add(id);
      this.publisher.event("added", { id });
    }
  }
}

interface Copy {
  readonly entries: Set<number>;
  readonly faults: string[];
  readonly follower: Follower;
}

async function follow(bus: Bus): Promise<Copy> {
  const entries = new Set<number>();
  const faults: string[] = [];
  const stub = bus.client(pool);
  const follower = await followState(bus, pool, {
    snapshot: () => stub.entries({}),
    reset: (snapshot) => {
      entries.clear();
      for (const id of snapshot.entries) entries.add(id);
    },
    apply: {
      added: ({ id }) => {
        if (entries.has(id)) faults.push(`added ${id} twice`);
        entries.add(id);
      },
      removed: ({ id }) => {
        if (!entries.delete(id)) faults.push(`removed ${id} unseen`);
      },
    },
  });
  return { entries, faults, follower };
}

for (const maker of worlds) {
  describe.skipIf(maker.missing !== undefined)(`copies over ${maker.name}`, () => {
    let world: World;
    beforeAll(async () => {
      const users = ["mempool", "gateway", "supervisor"];
      world = await maker.start(users.map((name) => ({ name, permissions: permissionsOf(name, [pool]) })));
    });
    afterAll(() => world.stop());

    const connect = async (user: string): Promise<ConnectedBus> =>
      new ConnectedBus(await world.connect(user), { log: silentLog() });

    test("all converge while 50 of them begin anew amid 10,000 events", async () => {
      const owner = await connect("mempool");
      const subject = new Pool(owner);
      const service = await owner.serve(pool, { entries: () => subject.snapshot() });
      const buses = await Promise.all(Array.from({ length: 5 }, () => connect("gateway")));
      const copies: Copy[] = [];
      const joining: Promise<void>[] = [];
      let seed = 1;
      const random = (): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      };

      for (let event = 0; event < 10_000; event++) {
        subject.change(random());
        if (event % 200 === 0) {
          const bus = buses[(event / 200) % buses.length] as ConnectedBus;
          joining.push(follow(bus).then((copy) => void copies.push(copy)));
        }
        // In bursts, so that snapshots and events cross each other on the way.
        if (event % 37 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(joining);
      await owner.flush();
      const last = [...subject.entries].join();
      const isDone = (): boolean => copies.every(({ entries }) => [...entries].join() === last);
      for (let turn = 0; turn < 1_000 && !isDone(); turn++) await sleep(systemClock, 10);

      expect(copies).toHaveLength(50);
      expect(copies.filter(({ entries }) => [...entries].join() !== last)).toEqual([]);
      expect(copies.flatMap(({ faults }) => faults)).toEqual([]);
      await Promise.all(buses.map((bus) => bus.close()));
      await service.stop();
      await owner.close();
    }, 60_000);

    test("a copy follows through the death of the bus and of the publisher", async () => {
      const [owner, reader] = [await connect("mempool"), await connect("gateway")];
      let subject = new Pool(owner);
      await owner.serve(pool, { entries: () => subject.snapshot() });
      const copy = await follow(reader);
      for (let count = 0; count < 10; count++) subject.change(1);

      await world.breakDown();
      for (let count = 0; count < 10; count++) subject.change(1);
      await world.restore();
      while (!owner.isUp || !reader.isUp) await sleep(systemClock, 10);
      const converge = async (): Promise<void> => {
        for (let turn = 0; turn < 1_000 && copy.entries.size !== subject.entries.size; turn++)
          await sleep(systemClock, 10);
      };
      await converge();
      const afterBus = [...copy.entries];
      subject = new Pool(owner);
      for (let count = 0; count < 3; count++) subject.change(1);
      await converge();

      expect(afterBus).toHaveLength(20);
      expect([...copy.entries]).toEqual([0, 1, 2]);
      await copy.follower.stop();
      await Promise.all([owner.close(), reader.close()]);
    }, 60_000);

    test("the built-in snapshot shows a reader only the states it may read", async () => {
      const [owner, reader] = [await connect("mempool"), await connect("gateway")];
      const publisher = owner.publisher(pool);
      await owner.serve(pool, { entries: () => ({ epoch: "e", seq: 0, entries: [] }) }, { publisher });
      publisher.state("size", { count: 3 });
      publisher.state("secret", { count: 4 });
      const seen: unknown[] = [];

      const follower = await followState(reader, pool, {
        reset: (snapshot) => seen.push(snapshot),
        apply: {},
      });

      expect(seen).toEqual([{ epoch: publisher.epoch, seq: 2, states: { size: { count: 3 } } }]);
      await follower.stop();
      await Promise.all([owner.close(), reader.close()]);
    });
  });
}
