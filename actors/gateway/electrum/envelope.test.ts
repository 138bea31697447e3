import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DoorUnderTest, TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { RawClient, type Reply, type TestCarrier } from "../../../tests/harness/electrum/raw-client.ts";

const error = (code: number, message: string | RegExp, id: unknown = null) => ({
  jsonrpc: "2.0",
  error: { code, message: typeof message === "string" ? message : expect.stringMatching(message) },
  id,
});
const result = (value: unknown, id: unknown) => ({ jsonrpc: "2.0", result: value, id });

describe.each(TEST_CARRIERS)("a session over %s", (carrier) => {
  let under: DoorUnderTest;
  let client: RawClient;

  beforeAll(async () => {
    under = await DoorUnderTest.open({ carriers: [carrier] });
    client = await RawClient.greeted(under.target(carrier));
  });

  afterAll(async () => {
    client.close();
    await under.close();
  });

  it.each([
    ['{"jsonrpc":"2.0","id":1,"method":"echo","params":[5]}', result(5, 1)],
    ['{"id":1,"method":"echo","params":[5]}', result(5, 1)],
    ['{"jsonrpc":"2.0","id":"x","method":"echo","params":["ü"]}', result("ü", "x")],
    ['{"jsonrpc":"2.0","id":1.5,"method":"echo","params":[null]}', result(null, 1.5)],
    ['{"jsonrpc":"2.0","id":null,"method":"echo","params":[[]]}', result([], null)],
    ['{"jsonrpc":"2.0","id":-7,"method":"echo","params":{"value":{"a":1}}}', result({ a: 1 }, -7)],
    ['{"jsonrpc":"2.0","id":2,"method":"later"}', result(null, 2)],
    ['{"jsonrpc":"2.0","id":3,"method":"server.ping"}\r', result(null, 3)],
    [' {"jsonrpc": "2.0", "id": 4, "method": "new", "params": []} ', result("new", 4)],
  ])("answers %s", async (message, expected) => {
    expect(await client.exchange(message)).toEqual(expected);
  });

  it.each([
    ["{bad", error(-32_700, "invalid JSON")],
    ["", error(-32_700, "invalid JSON")],
    [`${"[".repeat(100_000)}`, error(-32_700, /nested deeper/)],
    [
      `{"id":1,"method":"echo","params":[${'{"a":'.repeat(20)}1${"}".repeat(20)}]}`,
      error(-32_700, /nested deeper/),
    ],
    ["5", error(-32_600, "request object must be a dictionary")],
    ['"{}"', error(-32_600, "request object must be a dictionary")],
    ["null", error(-32_600, "request object must be a dictionary")],
    ["[]", error(-32_600, "batch is empty")],
    ['{"jsonrpc":"2.0","id":[1],"method":"echo"}', error(-32_600, 'invalid "id": [1]')],
    ['{"jsonrpc":"2.0","id":true,"method":"echo"}', error(-32_600, 'invalid "id": true')],
    ['{"jsonrpc":"2.0","id":12345678901234567890,"method":"server.ping"}', error(-32_600, /^invalid "id"/)],
    ['{"jsonrpc":"2.0","id":1}', error(-32_600, '"method" must be a string', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":5}', error(-32_600, '"method" must be a string', 1)],
    ['{"jsonrpc":"3.0","id":1,"method":"echo"}', error(-32_600, '"jsonrpc" is not "2.0"', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"foo.bar"}', error(-32_601, 'unknown method "foo.bar"', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"old"}', error(-32_601, 'unknown method "old"', 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"constructor"}', error(-32_601, 'unknown method "constructor"', 1)],
    [
      '{"jsonrpc":"2.0","id":1,"method":"echo","params":null}',
      error(-32_602, "invalid request arguments: None", 1),
    ],
    ['{"jsonrpc":"2.0","id":1,"method":"echo","params":[]}', error(-32_602, /but it requires 1$/, 1)],
    [
      '{"jsonrpc":"2.0","id":1,"method":"server.ping","params":[1,2,3]}',
      error(-32_602, /taking at most 2$/, 1),
    ],
    [
      '{"jsonrpc":"2.0","id":1,"method":"echo","params":{"v":1}}',
      error(-32_602, /requires parameter "value"$/, 1),
    ],
    ['{"jsonrpc":"2.0","id":1,"method":"refuse"}', error(1, "no", 1)],
    ['{"jsonrpc":"2.0","id":1,"method":"fail"}', error(-32_603, "internal server error", 1)],
    ['{"jsonrpc":"2.0","id":9,"method":"server.version"}', error(1, "server.version already sent", 9)],
  ])("refuses %s and goes on", async (message, expected) => {
    expect(await client.exchange(message)).toEqual(expected);
    expect(await client.call("echo", ["still here"])).toBe("still here");
  });

  it.each([
    [
      '[{"id":1,"method":"echo","params":[1]},{"id":2,"method":"foo"},{"method":"echo","params":[3]}]',
      [result(1, 1), error(-32_601, 'unknown method "foo"', 2)],
    ],
    ['[{"method":"later"},{"id":1,"method":"echo","params":[1]}]', [result(1, 1)]],
    ["[1,2]", [1, 2].map(() => error(-32_600, "request object must be a dictionary"))],
    [
      '[{"id":1,"method":"later","params":["slow"]},{"id":2,"method":"echo","params":["fast"]}]',
      [result("slow", 1), result("fast", 2)],
    ],
    [
      '[{"id":1,"method":"pieces","params":[3]},{"id":1,"method":"echo","params":[0]}]',
      [result([0, 1, 2], 1), result(0, 1)],
    ],
  ])("answers the batch %s with one message, in the order of its requests", async (message, expected) => {
    expect(await client.exchange(message)).toEqual(expected);
  });

  it("answers no notification, not even with an error, alone or in a batch", async () => {
    client.say('{"jsonrpc":"2.0","method":"server.ping"}');
    client.say('{"jsonrpc":"2.0","method":"no.such"}');
    client.say('{"jsonrpc":"2.0","method":"fail"}');
    client.say('[{"method":"echo","params":[1]},{"method":"later"}]');

    expect(await client.exchange('{"id":"after","method":"echo","params":[0]}')).toEqual(result(0, "after"));
  });

  it("refuses a batch of more requests than it may have", async () => {
    const batch = JSON.stringify(Array.from({ length: 1_001 }, (_, id) => ({ id, method: "server.ping" })));

    expect(await client.exchange(batch)).toEqual(error(-32_600, /^batch has 1001 requests/));
  });

  it("answers a hundred requests of one write, each once, and one thousand in turn at once", async () => {
    for (let id = 0; id < 100; id++)
      client.ask({ jsonrpc: "2.0", id, method: id % 2 ? "later" : "echo", params: [id] });
    const replies: Reply[] = [];
    while (replies.length < 100) replies.push(await client.next());

    expect(replies.every(({ id, result: value }) => id === value)).toBe(true);
    expect(new Set(replies.map(({ id }) => id)).size).toBe(100);
    for (let round = 0; round < 1_000; round++) await client.call("server.ping");
  });

  it("sends one text with no line end inside for each answer", async () => {
    const before = client.received.length;
    expect(await client.call("echo", ["a\nb\r\n"])).toBe("a\nb\r\n");

    expect(client.received.slice(before)).toEqual([expect.stringMatching(/^[^\n]*$/)]);
  });

  it("sends a large answer whole, made of pieces or not", async () => {
    const numbers = (await client.call("pieces", [200_000])) as number[];
    const spaces = (await client.call("spaces", [3_000_000])) as string;

    expect(numbers).toHaveLength(200_000);
    expect(numbers.at(-1)).toBe(199_999);
    expect(spaces).toHaveLength(3_000_000);
  });

  it("lets no news overtake the answer that announces it", async () => {
    client.ask({ jsonrpc: "2.0", id: 77, method: "subscribe", params: ["a"] });

    expect(await client.next()).toEqual(result("subscribed", 77));
    expect(await client.next()).toEqual({
      jsonrpc: "2.0",
      method: "subscribe",
      params: ["a", "news at once"],
    });
  });
});

describe.each(TEST_CARRIERS)("answers over %s that are too large", (carrier) => {
  it("are refused with the request's id, alone and in a batch", async () => {
    const under = await DoorUnderTest.open({
      carriers: [carrier],
      config: { electrum_response_bytes_max: 350_000 },
    });
    const client = await RawClient.greeted(under.target(carrier));
    const tooLarge = (id: number) => error(-32_600, "response too large (over 350,000 bytes", id);

    expect(await client.exchange('{"id":1,"method":"spaces","params":[350000]}')).toEqual(tooLarge(1));
    expect(await client.exchange('{"id":2,"method":"pieces","params":[350000]}')).toEqual(tooLarge(2));
    const batch = [1, 2, 3].map((id) => ({ id, method: "spaces", params: [150_000] }));
    expect(await client.exchange(JSON.stringify(batch))).toMatchObject([{ id: 1 }, { id: 2 }, tooLarge(3)]);
    client.close();
    await under.close();
  });
});

describe.each(TEST_CARRIERS)("a first message over %s that says 1.0", (carrier) => {
  it("gets answers with both members, and no batches", async () => {
    const under = await DoorUnderTest.open({ carriers: [carrier] });
    const client = await RawClient.connect(under.target(carrier));

    expect(await client.exchange('{"jsonrpc":"1.0","id":1,"method":"server.version"}')).toEqual({
      result: ["Troupe test", "1.4"],
      error: null,
      id: 1,
    });
    expect(await client.exchange('{"id":2,"method":"foo"}')).toMatchObject({
      result: null,
      error: { code: -32_601 },
      id: 2,
    });
    expect(await client.exchange('[{"id":2,"method":"foo"}]')).toMatchObject({ error: { code: -32_600 } });
    client.close();
    await under.close();
  });
});

/** What goes over the wire for one message. */
function wireBytes(carrier: TestCarrier, text: string): Buffer {
  if (!carrier.startsWith("w")) return Buffer.from(`${text}\n`);
  const [payload, mask] = [Buffer.from(text), Buffer.from([1, 2, 3, 4])];
  const masked = payload.map((byte, at) => byte ^ (mask[at % mask.length] ?? 0));
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, masked]);
}

describe.each(TEST_CARRIERS)("a message over %s", (carrier) => {
  it("may be cut anywhere, also within a character", async () => {
    const under = await DoorUnderTest.open({ carriers: [carrier] });
    const client = await RawClient.greeted(under.target(carrier));
    for (const byte of wireBytes(carrier, '{"id":1,"method":"echo","params":["grüß \u{1f980}"]}')) {
      client.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }

    expect(await client.next()).toEqual(result("grüß \u{1f980}", 1));
    expect(await client.call("echo", [1])).toBe(1);
    client.close();
    await under.close();
  });
});

describe.each(["ws", "wss"] as const)("messages over %s", (carrier) => {
  it("that are binary are refused: the session ends with the status that says why, and others stay", async () => {
    const under = await DoorUnderTest.open({ carriers: [carrier] });
    const other = await RawClient.greeted(under.target(carrier));
    const client = await RawClient.greeted(under.target(carrier));
    const status = new Promise((resolve) => client.webSocket?.once("close", resolve));
    client.webSocket?.send('{"id":1,"method":"echo","params":[1]}', { binary: true });

    expect(await client.rest()).toEqual([]);
    expect(await status).toBe(1003);
    expect(await other.call("echo", [1])).toBe(1);
    other.close();
    await under.close();
  });
});

describe.each(["tcp", "tls", "unix"] as const)("lines over %s", (carrier) => {
  it("that are not UTF-8 are refused, and the next is answered", async () => {
    const under = await DoorUnderTest.open({ carriers: [carrier] });
    const client = await RawClient.greeted(under.target(carrier));

    expect(await client.exchange(Buffer.from([0x22, 0xff, 0x22]))).toEqual(
      error(-32_700, "messages must be encoded in UTF-8"),
    );
    expect(await client.call("echo", [1])).toBe(1);
    client.close();
    await under.close();
  });

  it("are answered although the client sends no more, and then it is closed", async () => {
    const under = await DoorUnderTest.open({ carriers: [carrier] });
    const client = await RawClient.greeted(under.target(carrier));
    client.socket.end(
      '{"id":1,"method":"later","params":["a"]}\n{"id":2,"method":"spaces","params":[2000000]}\n{"id":3',
    );

    const replies = await client.rest();

    expect(replies.map(({ id }) => id).sort()).toEqual([1, 2]);
    await under.close();
  });
});
