/** Tests of the memory carrier where it differs from a socket: who is let in, who is cut off, and copies instead of shared bytes. */
import { describe, expect, it } from "vitest";
import { MemoryBroker } from "./memory.ts";
import { Nkey } from "./nkey.ts";
import type { BusUser, Permissions } from "./transport.ts";

const ALL: Permissions = {
  publish: { allow: [">"], deny: [] },
  subscribe: { allow: [">"], deny: [] },
  allowResponses: 1,
};
const userOf = (name: string, permissions = ALL): BusUser => ({
  name,
  publicKey: Nkey.create().publicKey,
  permissions,
});

describe("MemoryBroker", () => {
  it("lets in only users it knows, and nobody while it is down", () => {
    const broker = new MemoryBroker([userOf("a")]);

    expect(() => broker.connect("b")).toThrow(expect.objectContaining({ code: "BUS_UNAUTHENTICATED" }));
    broker.breakDown();

    expect(() => broker.connect("a")).toThrow(expect.objectContaining({ code: "BUS_UNAVAILABLE" }));
  });

  it("delivers later, never within publish", async () => {
    const transport = new MemoryBroker([userOf("a")]).connect("a");
    let isDelivered = false;
    transport.subscribe("x", {}, () => {
      isDelivered = true;
    });

    transport.publish("x", new Uint8Array(1));
    expect(isDelivered).toBe(false);
    await transport.flush();

    expect(isDelivered).toBe(true);
  });

  it("gives each receiver bytes of its own", async () => {
    const transport = new MemoryBroker([userOf("a")]).connect("a");
    const bodies: number[][] = [];
    for (let index = 0; index < 2; index++) {
      transport.subscribe("x", {}, ({ body }) => {
        bodies.push([...body]);
        body[0] = 9;
      });
    }
    const sent = Uint8Array.of(1, 2);

    transport.publish("x", sent);
    sent[1] = 7;
    await transport.flush();

    expect(bodies).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect([...sent]).toEqual([1, 7]);
  });

  it("delivers nothing more once it is down, not even the rest of a batch", async () => {
    const broker = new MemoryBroker([userOf("a")]);
    const transport = broker.connect("a");
    const heard: number[] = [];
    transport.subscribe("x", {}, ({ body }) => {
      heard.push(body.length);
      broker.breakDown();
    });

    for (const length of [1, 2, 3]) transport.publish("x", new Uint8Array(length));
    await expect(transport.flush()).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });

    expect(heard).toEqual([1]);
  });

  it("cuts off who lets too much wait, and lets it come back", async () => {
    const broker = new MemoryBroker([userOf("a"), userOf("b")], { maxPendingBytes: 1000 });
    const slow = broker.connect("a");
    const sender = broker.connect("b");
    const heard: number[] = [];
    slow.subscribe("x", {}, ({ body }) => heard.push(body.length));
    const kinds: string[] = [];
    const isBack = new Promise<void>((resolve) => {
      slow.onStatus(({ kind }) => {
        kinds.push(kind);
        if (kinds.join() === "down,up") resolve();
      });
    });
    await slow.flush();

    for (let index = 0; index < 5; index++) sender.publish("x", new Uint8Array(300));
    await isBack;
    sender.publish("x", new Uint8Array(7));
    await sender.flush();
    await slow.flush();

    expect(heard).toEqual([7]);
    expect(sender.isUp).toBe(true);
  });

  it("closes the connections of a removed user and reconnects those whose rights have changed", async () => {
    const gone = userOf("gone");
    const changed = userOf("changed", { ...ALL, publish: { allow: [], deny: [] } });
    const broker = new MemoryBroker([gone, changed]);
    const first = broker.connect("gone");
    const second = broker.connect("changed");
    const closed = new Promise<string>((resolve) => {
      first.onStatus((status) => {
        if (status.kind === "closed") resolve(status.reason);
      });
    });
    const up = new Promise<void>((resolve) => {
      second.onStatus(({ kind }) => {
        if (kind === "up") resolve();
      });
    });
    const heard: string[] = [];
    second.subscribe("x", {}, ({ subject }) => heard.push(subject));

    broker.users.set([{ ...changed, permissions: ALL }]);
    await up;
    second.publish("x", new Uint8Array(0));
    await second.flush();

    expect(await closed).toBe("Authorization Violation");
    expect(heard).toEqual(["x"]);
  });
});
