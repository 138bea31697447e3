/** What every carrier must do when its broker goes away, comes back, or is left for good. */
import { describe, expect, it } from "vitest";
import { hear, settle, statusOf, text } from "./ears.ts";
import { ALL_ALLOWED, type WorldMaker } from "./worlds.ts";

export function transportOutages(maker: WorldMaker): void {
  describe.skipIf(maker.missing !== undefined)(`carrier ${maker.name} when the broker goes`, () => {
    const startWith = async () => {
      const world = await maker.start([{ name: "one", permissions: ALL_ALLOWED }]);
      return { world, one: await world.connect("one") };
    };

    it("rejects what waits for an answer at once, drops what is published meanwhile, and hears again afterwards", async () => {
      const { world, one } = await startWith();
      try {
        const status = statusOf(one);
        const heard = hear(one, "x.>");
        await settle(one);

        await world.breakDown();
        await status.kind("down");
        expect(one.isUp).toBe(false);
        await expect(one.flush()).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
        // at every moment of the absence, the last dial included
        const publishing = setInterval(() => one.isUp || one.publish("x.lost", text("lost")), 1);
        await world.restore();
        await status.kind("up");
        clearInterval(publishing);
        expect(one.isUp).toBe(true);
        one.publish("x.after", text("after"));
        await settle(one);

        expect(heard.subjects()).toEqual(["x.after"]);
      } finally {
        await world.stop();
      }
    });

    it("rejects a flush that was waiting when the broker went", async () => {
      const { world, one } = await startWith();
      try {
        const outcomes = Array.from({ length: 200 }, () =>
          one.flush().then(
            () => "resolved",
            (error: { code?: string }) => error.code,
          ),
        );
        const broken = world.breakDown();
        for (let index = 0; index < 200; index++) {
          outcomes.push(
            one.flush().then(
              () => "resolved",
              (error: { code?: string }) => error.code,
            ),
          );
        }
        await broken;

        const seen = new Set(await Promise.all(outcomes));
        expect(seen).toContain("BUS_UNAVAILABLE");
        seen.delete("BUS_UNAVAILABLE");
        seen.delete("resolved");
        expect([...seen]).toEqual([]);
      } finally {
        await world.stop();
      }
    });

    it("has rejected all that waited by the time it has said that it is down", async () => {
      const { world, one } = await startWith();
      try {
        let pending = 0;
        let pendingAfterDown: number | undefined;
        const isDown = new Promise<void>((resolve) => {
          one.onStatus(({ kind }) => {
            if (kind !== "down") return;
            setImmediate(() => {
              pendingAfterDown = pending;
              resolve();
            });
          });
        });
        const flushing = setInterval(() => {
          pending++;
          one.flush().then(
            () => pending--,
            () => pending--,
          );
        }, 0);

        await world.breakDown();
        await isDown;
        clearInterval(flushing);

        expect(pendingAfterDown).toBe(0);
      } finally {
        await world.stop();
      }
    });

    it("refuses everything after close, says so once, and delivers nothing more", async () => {
      const { world, one } = await startWith();
      try {
        const status = statusOf(one);
        const heard = hear(one, "x");
        one.publish("x", text("on its way"));

        await one.close();
        const atClose = heard.deliveries.length;
        await one.close();

        expect(() => one.publish("x", text("x"))).toThrow(expect.objectContaining({ code: "BUS_CLOSED" }));
        expect(() => one.subscribe("x", {}, () => undefined)).toThrow(
          expect.objectContaining({ code: "BUS_CLOSED" }),
        );
        await expect(one.flush()).rejects.toMatchObject({ code: "BUS_CLOSED" });
        expect(one.isUp).toBe(false);
        expect(status.seen.map(({ kind }) => kind)).toEqual(["closed"]);
        expect(heard.deliveries.length).toBe(atClose);
      } finally {
        await world.stop();
      }
    });

    it("closes while the broker is away without waiting for it", async () => {
      const { world, one } = await startWith();
      try {
        const status = statusOf(one);
        await world.breakDown();
        await status.kind("down");

        await one.drain();

        expect(status.seen.map(({ kind }) => kind)).toEqual(["down", "closed"]);
      } finally {
        await world.stop();
      }
    });

    it("drains: delivers what was on its way, sends what was published, then closes", async () => {
      const { world, one } = await startWith();
      try {
        const other = await world.connect("one");
        const mine = hear(one, "mine");
        const theirs = hear(other, "theirs");
        await settle(one, other);
        for (let index = 0; index < 200; index++) other.publish("mine", text(String(index)));
        await other.flush();
        for (let index = 0; index < 200; index++) one.publish("theirs", text(String(index)));

        await one.drain();
        await theirs.count(200);

        expect(mine.deliveries.length).toBe(200);
        expect(() => one.publish("x", text("x"))).toThrow(expect.objectContaining({ code: "BUS_CLOSED" }));
      } finally {
        await world.stop();
      }
    });
  });
}
