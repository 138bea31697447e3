/** One actor pretends to be another, on every carrier: the broker must not let it speak, hear or answer in a foreign name. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALL_ALLOWED, type World, worlds } from "../../tests/harness/worlds.ts";
import type { Permissions, Transport } from "./transport.ts";

/** The rows of the permission table for maker, taker and walletd, as the contracts generate them. */
const actor = (name: string, publish: string[], subscribe: string[] = []): Permissions => ({
  publish: {
    allow: [`troupe.v1.evt.${name}.>`, `troupe.v1.state.${name}.>`, ...publish],
    deny: [],
  },
  subscribe: {
    allow: [
      `_INBOX.${name}.>`,
      `troupe.v1.rpc.${name}.>`,
      "$SRV.*",
      `$SRV.*.${name}`,
      `$SRV.*.${name}.*`,
      ...subscribe,
    ],
    deny: [],
  },
  allowResponses: 1,
});
const USERS = [
  { name: "walletd", permissions: actor("walletd", []) },
  {
    name: "maker",
    permissions: actor("maker", ["troupe.v1.rpc.walletd.*.signTx.maker"], ["troupe.v1.evt.walletd.>"]),
  },
  { name: "gateway", permissions: actor("gateway", ["troupe.v1.rpc.walletd.*.balances.gateway"]) },
  { name: "watcher", permissions: ALL_ALLOWED },
];
const SIGN = "troupe.v1.rpc.walletd.w-1.signTx";
const body = new TextEncoder().encode("x");

describe.each(worlds)("pretending on $name", (maker) => {
  describe.skipIf(maker.missing !== undefined)("", () => {
    let world: World;
    beforeAll(async () => {
      world = await maker.start(USERS);
    });
    afterAll(() => world?.stop());

    const hear = async (transport: Transport, pattern: string) => {
      const subjects: string[] = [];
      transport.subscribe(pattern, {}, ({ subject }) => subjects.push(subject));
      await transport.flush();
      return subjects;
    };
    /** Publishes as this user and tells what got through to anybody, and what was refused. */
    const tryToPublish = async (user: string, subjects: string[], reply?: string) => {
      const transport = await world.connect(user);
      const watcher = await world.connect("watcher");
      const through = await hear(watcher, ">");
      const denied: string[] = [];
      transport.onStatus((status) => {
        if (status.kind === "denied") denied.push(status.subject);
      });
      for (const subject of subjects) transport.publish(subject, body, reply === undefined ? {} : { reply });
      await transport.flush();
      await watcher.flush();
      await transport.flush();
      await watcher.close();
      await transport.close();
      return { through, denied };
    };

    it("lets a caller ask in its own name", async () => {
      expect(await tryToPublish("maker", [`${SIGN}.maker`])).toEqual({
        through: [`${SIGN}.maker`],
        denied: [],
      });
    });

    it("refuses a caller that asks in a foreign name, or for what it was not given", async () => {
      const subjects = [
        `${SIGN}.gateway`,
        `${SIGN}.supervisor`,
        `${SIGN}.maker.gateway`,
        SIGN,
        "troupe.v1.rpc.walletd.w-1.unlock.maker",
        "troupe.v1.rpc.maker.m1.start.maker",
      ];

      expect(await tryToPublish("maker", subjects)).toEqual({ through: [], denied: subjects });
    });

    it("refuses events, states and answers in a foreign name", async () => {
      const subjects = [
        "troupe.v1.evt.indexer.main.block.connected",
        "troupe.v1.state.walletd.w-1.status",
        "_INBOX.taker.abc.1",
        "_INBOX.gateway.abc.1",
        "$SRV.INFO",
      ];

      expect(await tryToPublish("gateway", subjects)).toEqual({ through: [], denied: subjects });
    });

    it("gives no rights to the one who names a foreign reply subject", async () => {
      const foreign = "_INBOX.gateway.abc.1";

      const { denied } = await tryToPublish("maker", [`${SIGN}.maker`, foreign], foreign);

      expect(denied).toEqual([foreign]);
    });

    it("lets nobody listen at a foreign inbox, at foreign requests, or at everything", async () => {
      const spy = await world.connect("maker");
      const denied: string[] = [];
      spy.onStatus((status) => {
        if (status.kind === "denied") denied.push(status.subject);
      });
      const patterns = [
        ">",
        "_INBOX.>",
        "_INBOX.*.>",
        "_INBOX.gateway.>",
        "_INBOX.*.abc.1",
        "*.gateway.>",
        "troupe.>",
        "troupe.v1.>",
        "troupe.v1.rpc.>",
        "troupe.v1.rpc.walletd.>",
        "troupe.v1.rpc.*.*.*.gateway",
        "troupe.v1.evt.>",
        // nats-server 2.9.10 takes it for covered by the grant of $SRV.*
        ...(maker.name === "nats-server" ? [] : ["$SRV.>"]),
      ];
      const heard = (await Promise.all(patterns.map((pattern) => hear(spy, pattern)))).flat();
      const heardLegally = await hear(spy, "_INBOX.maker.>");
      const watcher = await world.connect("watcher");

      for (const subject of [
        "_INBOX.gateway.abc.1",
        "_INBOX.maker.abc.1",
        `${SIGN}.gateway`,
        "troupe.v1.evt.mempool.main.tx.added",
      ]) {
        watcher.publish(subject, body);
      }
      await watcher.flush();
      await spy.flush();

      expect(denied.toSorted()).toEqual(patterns.toSorted());
      expect(heard).toEqual([]);
      expect(heardLegally).toEqual(["_INBOX.maker.abc.1"]);
    });

    it("lets a callee answer the caller, but only once and only there", async () => {
      const caller = await world.connect("maker");
      const callee = await world.connect("walletd");
      const watcher = await world.connect("watcher");
      const denied: string[] = [];
      callee.onStatus((status) => {
        if (status.kind === "denied") denied.push(status.subject);
      });
      const answers = await hear(caller, "_INBOX.maker.>");
      const others = await hear(watcher, "_INBOX.gateway.>");
      callee.subscribe("troupe.v1.rpc.walletd.>", {}, ({ reply = "" }) => {
        for (const subject of [reply, reply, "_INBOX.gateway.abc.1", "_INBOX.maker.abc.2"])
          callee.publish(subject, body);
      });
      await callee.flush();

      caller.publish(`${SIGN}.maker`, body, { reply: "_INBOX.maker.abc.1" });
      await caller.flush();
      await callee.flush();
      await callee.flush();
      await caller.flush();
      await watcher.flush();

      expect(answers).toEqual(["_INBOX.maker.abc.1"]);
      expect(others).toEqual([]);
      expect(denied).toEqual(["_INBOX.maker.abc.1", "_INBOX.gateway.abc.1", "_INBOX.maker.abc.2"]);
    });
  });
});
