/** The worlds of the harness work at all: every carrier connects, carries a message, breaks down and comes back. */
import { describe, expect, it } from "vitest";
import { ALL_ALLOWED, worlds } from "./harness/worlds.ts";

describe.each(worlds)("world $name", (maker) => {
  it.skipIf(maker.missing !== undefined)("carries a message, breaks down and comes back", async () => {
    const world = await maker.start([{ name: "a", permissions: ALL_ALLOWED }]);
    try {
      const transport = await world.connect("a");
      const heard: string[] = [];
      transport.subscribe("x.>", {}, (delivery) => heard.push(delivery.subject));
      transport.publish("x.1", new Uint8Array([1]));
      await transport.flush();
      const statuses: string[] = [];
      const isBack = new Promise<void>((resolve) => {
        transport.onStatus((status) => {
          statuses.push(status.kind);
          if (status.kind === "up") resolve();
        });
      });

      await world.breakDown();
      await world.restore();
      await isBack;
      transport.publish("x.2", new Uint8Array([1]));
      await transport.flush();

      expect(heard).toEqual(["x.1", "x.2"]);
      expect(statuses).toEqual(["down", "up"]);
    } finally {
      await world.stop();
    }
  });
});
