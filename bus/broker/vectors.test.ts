/** Recorded exchanges of the NATS client protocol, byte for byte: the embedded broker must answer as nats-server 2.9.10 does. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawClient } from "../../tests/harness/raw-client.ts";
import { ALL_ALLOWED, type World, worlds } from "../../tests/harness/worlds.ts";
import type { Permissions } from "../carrier/transport.ts";

const LIMITED: Permissions = {
  publish: { allow: ["ok.>"], deny: ["ok.no"] },
  subscribe: { allow: ["n.*"], deny: [] },
  allowResponses: 1,
};

/** What is sent after login (`|` is CR LF, `#` another number each time), and all that comes back up to the PONG. */
const ANSWERS: readonly (readonly [name: string, sent: string, answer: string])[] = [
  ["a message to oneself", "SUB a 1|PUB a 5|hello|PING|", "MSG a 1 5|hello|PONG|"],
  ["a reply subject", "SUB a 1|PUB a in.box 2|hi|PING|", "MSG a 1 in.box 2|hi|PONG|"],
  ["lower case and tabs", "sub\ta\t1|pub\ta\t1|x|ping|", "MSG a 1 1|x|PONG|"],
  ["lines that end in LF alone", "SUB a 1\nPUB a 1\nx|PING\n", "MSG a 1 1|x|PONG|"],
  ["an empty payload", "SUB a 1|PUB a 0||PING|", "MSG a 1 0||PONG|"],
  [
    "headers",
    "SUB a 1|HPUB a r 21 23|NATS/1.0|k: vvvv||xx|PING|",
    "HMSG a 1 r 21 23|NATS/1.0|k: vvvv||xx|PONG|",
  ],
  ["headers alone", "SUB a 1|HPUB a 12 12|NATS/1.0|||PING|", "HMSG a 1 12 12|NATS/1.0|||PONG|"],
  ["two subscriptions", "SUB a.b 1|SUB a.* 2|PUB a.b 1|x|PING|", "MSG a.b 1 1|x|MSG a.b 2 1|x|PONG|"],
  ["plain and queue", "SUB a 1|SUB a q# 2|PUB a 1|x|PING|", "MSG a 1 1|x|MSG a 2 1|x|PONG|"],
  [
    "a sid used twice stays with its first subject",
    "SUB a 1|SUB b 1|PUB a 1|x|PUB b 1|x|PING|",
    "MSG a 1 1|x|PONG|",
  ],
  ["UNSUB", "SUB a 1|UNSUB 1|PUB a 1|x|PING|", "PONG|"],
  ["UNSUB of nothing", "UNSUB 99|PING|", "PONG|"],
  ["UNSUB max", "SUB a 1|UNSUB 1 2|PUB a 0||PUB a 0||PUB a 0||PING|", "MSG a 1 0||MSG a 1 0||PONG|"],
  ["UNSUB max already reached", "SUB a 1|PUB a 0||UNSUB 1 1|PUB a 0||PING|", "MSG a 1 0||PONG|"],
  ["no responders", "SUB r 1|PUB nobody r 1|x|PING|", "HMSG r 1 16 16|NATS/1.0 503|||PONG|"],
  [
    "no responders for a wildcard inbox",
    "SUB r.* 1|PUB nobody r.7 0||PING|",
    "HMSG r.7 1 16 16|NATS/1.0 503|||PONG|",
  ],
  ["nobody asked", "SUB r 1|PUB nobody 1|x|PING|", "PONG|"],
  ["a malformed pattern", "SUB a.>.b 1|PING|", "-ERR 'Invalid Subject'|PONG|"],
];

/** What ends the connection, and the last words. */
const FAULTS: readonly (readonly [name: string, sent: string, words: string])[] = [
  ["garbage", "\x00\x01\x02", "-ERR 'Unknown Protocol Operation'|"],
  ["another protocol", "GET / HTTP/1.1||", "-ERR 'Unknown Protocol Operation'|"],
  ["an empty line", "|", "-ERR 'Unknown Protocol Operation'|"],
  ["an unknown operation", "FOO|", "-ERR 'Unknown Protocol Operation'|"],
  ["an operation for clients", "MSG a 1 1|x|", "-ERR 'Unknown Protocol Operation'|"],
  ["PUB without arguments", "PUB|", "-ERR 'Unknown Protocol Operation'|"],
  ["SUB without arguments", "SUB|", "-ERR 'Unknown Protocol Operation'|"],
  ["a payload longer than announced", "PUB a 1|xyz|", "-ERR 'Unknown Protocol Operation'|"],
  ["a payload too large", "PUB a 1048577|", "-ERR 'Maximum Payload Violation'|"],
  ["a line too long", `PUB ${"a".repeat(5000)} 1|`, "-ERR 'maximum control line exceeded'|"],
  ["a line without end", `PUB ${"a".repeat(5000)}`, "-ERR 'maximum control line exceeded'|"],
];

let lives = 0;
const wire = (text: string) => text.replaceAll("|", "\r\n").replaceAll("#", () => String(++lives));

describe.each(worlds.filter(({ name }) => name !== "memory"))("the wire of $name", (maker) => {
  describe.skipIf(maker.missing !== undefined)("", () => {
    let world: World;
    const clients: RawClient[] = [];
    beforeAll(async () => {
      world = await maker.start([
        { name: "all", permissions: ALL_ALLOWED },
        { name: "limited", permissions: LIMITED },
      ]);
    });
    afterAll(async () => {
      for (const client of clients) client.close();
      await world.stop();
    });
    const port = () => world.port ?? 0;
    const login = async (user = "all", options = {}) => {
      const client = await RawClient.login(port(), world.seedOf(user), options);
      clients.push(client);
      return client;
    };

    it.each(ANSWERS)("answers to %s", async (_name, sent, answer) => {
      const client = await login();

      client.send(wire(sent));

      expect(await client.until("PONG\r\n")).toBe(wire(answer));
    });

    it.each(ANSWERS)("answers byte by byte to %s", async (_name, sent, answer) => {
      const client = await login();

      await client.sendByteByByte(wire(sent));

      expect(await client.until("PONG\r\n")).toBe(wire(answer));
    });

    it("reads the fragmented vector of the protocol notes", async () => {
      const client = await login();

      await client.sendByteByByte(
        wire("SUB frag 7|PUB frag 5|hello|HPUB frag 21 23|NATS/1.0|k: vvvv||xx|PING|"),
      );

      expect(await client.until("PONG\r\n")).toBe(
        wire("MSG frag 7 5|hello|HMSG frag 7 21 23|NATS/1.0|k: vvvv||xx|PONG|"),
      );
    });

    it.each(FAULTS)("ends the connection after %s", async (_name, sent, words) => {
      const client = await login();

      client.send(wire(sent));

      expect(await client.untilEnd()).toBe(wire(words));
    });

    it.each([["PING|"], ["PUB a 1|"], ["SUB > 1|"], ["CONNECT {}|"], ["FOO|"], ["\0"]])(
      "lets nobody in who begins with %j",
      async (sent) => {
        const { client } = await RawClient.dial(port());
        clients.push(client);

        client.send(wire(sent));

        expect(await client.untilEnd()).toBe("-ERR 'Authorization Violation'\r\n");
      },
    );

    it("greets with what a client needs to know", async () => {
      const { client, info } = await RawClient.dial(port());
      clients.push(client);

      expect(info).toMatchObject({
        proto: 1,
        headers: true,
        auth_required: true,
        max_payload: 1048576,
        host: "127.0.0.1",
        port: port(),
        version: "2.9.10",
        server_id: expect.stringMatching(/^[A-Z0-9]+$/),
        server_name: expect.stringMatching(/./),
        nonce: expect.stringMatching(/^[\w-]{11,}$/),
        client_id: expect.any(Number),
      });
    });

    it("says +OK when asked to be verbose", async () => {
      const client = await login("all", { verbose: true });

      client.send(wire("SUB a 1|PUB b 1|x|UNSUB 1|PING|"));

      expect(await client.until("PONG\r\n")).toBe(wire("+OK|+OK|+OK|PONG|"));
    });

    it("refuses wildcards in what is published when asked to be pedantic", async () => {
      const client = await login("all", { pedantic: true });

      client.send(wire("PUB a.* 1|x|PING|"));

      expect(await client.until("PONG\r\n")).toContain("-ERR 'Invalid Publish Subject'\r\n");
    });

    it("spares those their own messages who want no echo", async () => {
      const client = await login("all", { echo: false });
      const other = await login();
      client.send(wire("SUB echo 1|PUB echo 4|mine|"));
      await client.settle();

      other.send(wire("PUB echo 6|theirs|"));
      await other.settle();

      expect(await client.settle()).toBe(wire("MSG echo 1 6|theirs|"));
    });

    it("takes the headers off for a client that knows none, and ends one that sends them nevertheless", async () => {
      const plain = await login("all", { headers: false, no_responders: false });
      const other = await login();
      plain.send(wire("SUB strip 1|"));
      await plain.settle();

      other.send(wire("HPUB strip 21 23|NATS/1.0|k: vvvv||xx|"));
      await other.settle();

      expect(await plain.settle()).toBe(wire("MSG strip 1 2|xx|"));
      plain.send(wire("HPUB strip 12 12|NATS/1.0|||"));
      await plain.untilEnd();
      expect(plain.isEnded).toBe(true);
    });

    it("sends no 503 to a client that did not ask for it", async () => {
      const client = await login("all", { no_responders: false });

      client.send(wire("SUB r 1|PUB nobody r 1|x|PING|"));

      expect(await client.until("PONG\r\n")).toBe("PONG\r\n");
    });

    it("names what was refused, and goes on", async () => {
      const client = await login("limited");

      client.send(wire("PUB bad 1|x|PUB ok.no 1|x|SUB bad 1|SUB bad q 2|SUB n.* 3|PUB ok.yes 1|x|PING|"));

      expect(await client.until("PONG\r\n")).toBe(
        wire(
          "-ERR 'Permissions Violation for Publish to \"bad\"'|" +
            "-ERR 'Permissions Violation for Publish to \"ok.no\"'|" +
            "-ERR 'Permissions Violation for Subscription to \"bad\"'|" +
            '-ERR \'Permissions Violation for Subscription to "bad" using queue "q"\'|PONG|',
        ),
      );
    });
  });
});
