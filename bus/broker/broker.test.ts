/** Tests of the embedded broker against clients that mean no good: they are cut off, and the others never notice. */
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { connectLine, RawClient } from "../../tests/harness/raw-client.ts";
import { connectNats } from "../carrier/nats.ts";
import { Nkey } from "../carrier/nkey.ts";
import type { BusUser, Permissions, Transport } from "../carrier/transport.ts";
import { Broker, type BrokerOptions } from "./broker.ts";

const ALL: Permissions = {
  publish: { allow: [">"], deny: [] },
  subscribe: { allow: [">"], deny: [] },
  allowResponses: 1,
};
const alice = Nkey.create();
const bob = Nkey.create();
const userOf = (name: string, nkey: Nkey, permissions = ALL): BusUser => ({
  name,
  publicKey: nkey.publicKey,
  permissions,
});
const ALICE = userOf("alice", alice);
const BOB = userOf("bob", bob);

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listen(options: Partial<BrokerOptions> = {}): Promise<Broker> {
  const broker = await Broker.listen({ users: [ALICE, BOB], ...options });
  ends.push(() => broker.close());
  return broker;
}
async function login(broker: Broker, nkey = alice, options = {}): Promise<RawClient> {
  const client = await RawClient.login(broker.port, nkey.revealSeed(), options);
  ends.push(() => client.close());
  return client;
}
async function dial(broker: Broker) {
  const dialled = await RawClient.dial(broker.port);
  ends.push(() => dialled.client.close());
  return dialled;
}
async function connectAs(broker: Broker, user: string, nkey: Nkey): Promise<Transport> {
  const transport = await connectNats({
    servers: [broker.address],
    user,
    seed: nkey.revealSeed(),
    connectTimeoutMs: 20_000,
  });
  ends.push(() => transport.close());
  return transport;
}

/** Two honest clients; `check` sends a message from one to the other and fails if it does not arrive or a connection was lost. */
async function honestPair(broker: Broker) {
  const sender = await connectAs(broker, "bob", bob);
  const receiver = await connectAs(broker, "bob", bob);
  const heard: string[] = [];
  const losses: string[] = [];
  for (const transport of [sender, receiver]) transport.onStatus(({ kind }) => losses.push(kind));
  receiver.subscribe("honest", {}, ({ body }) => heard.push(Buffer.from(body).toString()));
  await receiver.flush();
  let counter = 0;
  return {
    check: async () => {
      const text = String(++counter);
      sender.publish("honest", Buffer.from(text));
      await sender.flush();
      await receiver.flush();
      expect(heard.at(-1)).toBe(text);
      expect(losses).toEqual([]);
    },
  };
}

describe("starting", () => {
  it("refuses to start without users", async () => {
    await expect(Broker.listen({ users: [] })).rejects.toMatchObject({ code: "BUS_BROKER_NO_USERS" });
  });

  it.each([
    ["a name that is no token", { ...ALICE, name: "A b" }],
    ["a key that is none", { ...ALICE, publicKey: "UABC" }],
    ["a seed for a key", { ...ALICE, publicKey: Nkey.create().revealSeed() }],
    ["a broken pattern", userOf("alice", alice, { ...ALL, publish: { allow: ["a..b"], deny: [] } })],
    ["half a reply", userOf("alice", alice, { ...ALL, allowResponses: 0.5 })],
  ])("refuses a user with %s", async (_name, user) => {
    await expect(Broker.listen({ users: [user] })).rejects.toMatchObject({ code: "BUS_BROKER_BAD_USER" });
  });

  it("refuses two users with one key", async () => {
    await expect(
      Broker.listen({ users: [ALICE, { ...BOB, publicKey: ALICE.publicKey }] }),
    ).rejects.toMatchObject({
      code: "BUS_BROKER_BAD_USER",
    });
  });

  it.each(["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost"])(
    "refuses to listen on %s",
    async (host) => {
      await expect(Broker.listen({ users: [ALICE], host })).rejects.toMatchObject({
        code: "BUS_BROKER_NOT_LOOPBACK",
      });
    },
  );

  it("says which port is taken", async () => {
    const broker = await listen();

    await expect(Broker.listen({ users: [ALICE], port: broker.port })).rejects.toMatchObject({
      code: "BUS_BROKER_LISTEN_FAILED",
      data: { port: broker.port, reason: "EADDRINUSE" },
    });
  });

  it("gives its port back when closed", async () => {
    const broker = await listen();
    await login(broker);

    await broker.close();
    const again = await listen({ port: broker.port });

    expect(again.port).toBe(broker.port);
    expect(again.address).toBe(`nats://127.0.0.1:${broker.port}`);
  });
});

describe("letting in", () => {
  it("refuses an unknown key, a foreign signature and one for another nonce", async () => {
    const broker = await listen();
    const mallory = Nkey.create();

    const first = await dial(broker);
    first.client.send(connectLine(mallory.revealSeed(), String(first.info["nonce"])));
    const second = await dial(broker);
    const nonce = String(second.info["nonce"]);
    second.client.send(
      `CONNECT ${JSON.stringify({ nkey: alice.publicKey, sig: mallory.sign(nonce), protocol: 1 })}\r\n`,
    );
    const third = await dial(broker);
    third.client.send(connectLine(alice.revealSeed(), nonce));

    for (const { client } of [first, second, third]) {
      expect(await client.untilEnd()).toBe("-ERR 'Authorization Violation'\r\n");
    }
    expect(broker.stats()).toMatchObject({ authFailures: 3, clients: [] });
  });

  it("does not take what a logged-in client says in a second CONNECT", async () => {
    const broker = await listen();
    const client = await login(broker);

    client.send('CONNECT {"verbose":true}\r\n');

    expect(await client.untilEnd()).toBe("-ERR 'Unknown Protocol Operation'\r\n");
  });

  it("gives every connection another nonce", async () => {
    const broker = await listen();

    const nonces = [];
    for (let index = 0; index < 5; index++) nonces.push((await dial(broker)).info["nonce"]);

    expect(new Set(nonces).size).toBe(5);
  });

  it("keeps strangers from using up the connections", async () => {
    const broker = await listen({ connectionsMax: 3 });
    const strangers = [await dial(broker), await dial(broker), await dial(broker)];

    const client = await login(broker);
    await strangers[0]?.client.untilEnd();

    expect(await client.settle()).toBe("");
    expect(broker.stats().connections).toBe(3);
  });

  it("says so when it is full of known clients", async () => {
    const broker = await listen({ connectionsMax: 2 });
    const clients = [await login(broker), await login(broker)];

    await expect(login(broker)).rejects.toThrow(/maximum connections exceeded/);

    for (const client of clients) expect(await client.settle()).toBe("");
  });

  it("gives up on who does not log in", async () => {
    const clock = new ManualClock();
    const broker = await listen({ clock });
    const { client } = await dial(broker);
    client.send("CONNECT {");

    clock.advance(2_500);

    expect(await client.untilEnd()).toBe("-ERR 'Authentication Timeout'\r\n");
  });
});

describe("clients that mean no good", () => {
  it("cuts off who begins an operation and does not end it", async () => {
    const clock = new ManualClock();
    const broker = await listen({ clock });
    const pair = await honestPair(broker);
    const slowLine = await login(broker);
    const slowPayload = await login(broker);
    const busy = await login(broker);
    slowLine.send("PUB a");
    slowPayload.send("PUB a 100\r\nabc");
    await pair.check();

    for (let second = 0; second < 11; second++) {
      slowPayload.send("x");
      busy.send("PUB a 1\r\nx\r\nPUB");
      await pair.check();
      await new Promise((resolve) => setTimeout(resolve, 5));
      clock.advance(1_000);
      busy.send(" a 1\r\nx\r\n");
      await busy.settle();
    }

    expect(await slowLine.untilEnd()).toBe("-ERR 'Stale Connection'\r\n");
    expect(await slowPayload.untilEnd()).toBe("-ERR 'Stale Connection'\r\n");
    expect(await busy.settle()).toBe("");
    await pair.check();
  });

  it("cuts off who lets two pings go unanswered, and not who answers", async () => {
    const clock = new ManualClock();
    const broker = await listen({ clock });
    const silent = await login(broker);
    const answering = await login(broker);

    for (let interval = 0; interval < 3; interval++) {
      clock.advance(120_500);
      if (interval < 2) await answering.until("PING\r\n");
      answering.send("PONG\r\n");
      await answering.settle();
    }

    expect(await silent.untilEnd()).toBe("PING\r\nPING\r\n-ERR 'Stale Connection'\r\n");
    expect(answering.isEnded).toBe(false);
  });

  it("cuts off who does not read, and goes on delivering to the others", async () => {
    const broker = await listen({ maxPendingBytes: 1024 * 1024 });
    const pair = await honestPair(broker);
    const slow = await login(broker);
    slow.send("SUB flood 1\r\n");
    await slow.settle();
    slow.pause();
    const sender = await connectAs(broker, "bob", bob);

    while (broker.stats().slowConsumers === 0) {
      sender.publish("flood", new Uint8Array(512 * 1024));
      await sender.flush();
      expect(broker.stats().pendingBytes).toBeLessThan(2 * 1024 * 1024);
    }

    await pair.check();
    expect(broker.stats().clients.map(({ user }) => user)).not.toContain("alice");
  });

  it("cuts off who asks for ever and never reads the answers", async () => {
    const broker = await listen({ maxPendingBytes: 256 * 1024 });
    const pair = await honestPair(broker);
    const greedy = await login(broker);
    greedy.pause();

    while (broker.stats().slowConsumers === 0) {
      greedy.send("PING\r\n".repeat(10_000));
      await new Promise((resolve) => setImmediate(resolve));
    }

    await pair.check();
  });

  it("keeps every byte in order for who reads late, small messages and large ones", async () => {
    const broker = await listen();
    const late = await login(broker);
    late.send("SUB late 1\r\n");
    await late.settle();
    late.pause();
    const sender = await login(broker, bob);
    let expected = "";
    let counter = 0;
    // until the kernel takes no more, and then as much again
    for (let left = 40; left > 0; ) {
      let batch = "";
      for (let index = 0; index < 200; index++) {
        const body = `${++counter}:`.padEnd(counter % 50 === 0 ? 20_000 : 100, String(counter % 10));
        batch += `PUB late ${body.length}\r\n${body}\r\n`;
        expected += `MSG late 1 ${body.length}\r\n${body}\r\n`;
      }
      sender.send(batch);
      await sender.settle();
      if (broker.stats().pendingBytes > 0) left--;
    }

    late.resume();
    const received = await late.settle();

    expect(received.length).toBe(expected.length);
    expect(received === expected).toBe(true);
  });

  it("cuts off whose backlog does not move, even a small one", async () => {
    const clock = new ManualClock();
    const broker = await listen({ clock });
    const slow = await login(broker);
    slow.send("SUB flood 1\r\n");
    await slow.settle();
    slow.pause();
    const sender = await connectAs(broker, "bob", bob);
    while (broker.stats().pendingBytes === 0) {
      sender.publish("flood", new Uint8Array(512 * 1024));
      await sender.flush();
    }

    clock.advance(11_000);

    expect(broker.stats()).toMatchObject({ slowConsumers: 1, pendingBytes: 0 });
  });

  it("takes no more subscriptions than it should, and lets the client live", async () => {
    const broker = await listen({ subscriptionsPerClientMax: 2 });
    const client = await login(broker);

    client.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB d 4\r\n");

    expect(await client.settle()).toBe("-ERR 'maximum subscriptions exceeded'\r\n");
    expect(broker.stats().subscriptions).toBe(2);
  });

  it("forgets the subscriptions of who has gone", async () => {
    const broker = await listen();
    const client = await login(broker);
    client.send("SUB a 1\r\nSUB b.> q 2\r\n");
    await client.settle();
    expect(broker.stats().subscriptions).toBe(2);

    client.send("GARBAGE\r\n");
    await client.untilEnd();

    expect(broker.stats()).toMatchObject({ subscriptions: 0, cutOff: 1 });
  });

  it("refuses a published subject or a reply with a wildcard", async () => {
    const broker = await listen();
    const client = await login(broker);
    client.send("SUB > 1\r\n");
    await client.settle();

    client.send("PUB a.* 1\r\nx\r\nPUB > 1\r\nx\r\nPUB a _INBOX.> 1\r\nx\r\nPUB a..b 1\r\nx\r\n");

    expect(await client.settle()).toBe("-ERR 'Invalid Publish Subject'\r\n".repeat(4));
  });

  it("survives any bytes from anybody while honest clients go on", async () => {
    const broker = await listen({ maxPayloadBytes: 4096 });
    const pair = await honestPair(broker);
    const fragment = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
      fc.constantFrom(
        "PUB honest2 5\r\nhello\r\n",
        "PUB honest2 5000\r\n",
        "HPUB a 12 14\r\nNATS/1.0\r\n\r\nxx\r\n",
        "SUB > 1\r\n",
        "UNSUB 1 3\r\n",
        "PING\r\n",
        "PONG\r\n",
        'CONNECT {"nkey":1,"sig":{}}\r\n',
        "CONNECT null\r\n",
        "PUB ",
        "\r\n",
        "SUB a b",
      ),
    );

    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fragment, { minLength: 1, maxLength: 8 }),
        async (isKnown, parts) => {
          const client = isKnown
            ? await RawClient.login(broker.port, alice.revealSeed())
            : (await RawClient.dial(broker.port)).client;
          for (const part of parts) client.send(part);
          await pair.check();
          client.close();
        },
      ),
      { numRuns: 80 },
    );

    await pair.check();
  });
});

describe("users at run time", () => {
  it("lets a new user in, and ends the connections of one that is removed", async () => {
    const broker = await listen({ users: [BOB] });
    await expect(login(broker)).rejects.toThrow(/Authorization Violation/);

    broker.users.add(ALICE);
    const client = await login(broker);
    const other = await login(broker, bob);
    broker.users.remove("alice");

    expect(await client.untilEnd()).toBe("-ERR 'User Authentication Revoked'\r\n");
    expect(await other.settle()).toBe("");
    await expect(login(broker)).rejects.toThrow(/Authorization Violation/);
  });

  it("puts new rights in force by letting the client connect again", async () => {
    const broker = await listen({
      users: [{ ...ALICE, permissions: { ...ALL, publish: { allow: [], deny: [] } } }],
    });
    const transport = await connectAs(broker, "alice", alice);
    const isBack = new Promise<void>((resolve) => {
      transport.onStatus(({ kind }) => {
        if (kind === "up") resolve();
      });
    });
    const heard: string[] = [];
    transport.subscribe("x", {}, ({ subject }) => heard.push(subject));
    transport.publish("x", new Uint8Array(0));
    await transport.flush();

    broker.users.set([ALICE]);
    await isBack;
    transport.publish("x", new Uint8Array(0));
    await transport.flush();

    expect(heard).toEqual(["x"]);
  });

  it("leaves alone who stays as it was", async () => {
    const broker = await listen();
    const client = await login(broker, bob);

    broker.users.set([{ ...BOB }]);

    expect(await client.settle()).toBe("");
    expect(broker.users.names()).toEqual(["bob"]);
  });

  it("changes nothing when one of the new users is unusable", async () => {
    const broker = await listen();

    expect(() => broker.users.set([BOB, { ...ALICE, name: "" }])).toThrow(
      expect.objectContaining({ code: "BUS_BROKER_BAD_USER" }),
    );

    expect(broker.users.names()).toEqual(["alice", "bob"]);
  });

  it("tells a client for good when its user is gone", async () => {
    const broker = await listen();
    const transport = await connectAs(broker, "alice", alice);
    const isClosed = new Promise<string>((resolve) => {
      transport.onStatus((status) => {
        if (status.kind === "closed") resolve(status.reason);
      });
    });

    broker.users.remove("alice");

    expect(await isClosed).toMatch(/Authorization Violation/i);
  });
});
