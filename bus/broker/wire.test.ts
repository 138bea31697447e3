/** Tests of the protocol reader: every way of cutting the stream gives the same, and nothing makes it throw. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type WireFault, WireParser } from "./wire.ts";

const LIMITS = { controlLineMax: 4096, maxPayloadBytes: 256 * 1024 };

/** Feeds the pieces; returns what was read, as text, and the fault if there was one. */
function read(pieces: readonly Buffer[], { isOpen = true } = {}) {
  const seen: string[] = [];
  const parser = new WireParser(
    {
      onConnect: (json) => seen.push(`connect ${json}`),
      onPublish: (subject, reply, message) => {
        const bytes = Buffer.concat(message.pieces);
        const body = bytes.subarray(message.headerLength, message.length).toString("latin1");
        const headers = bytes.subarray(0, message.headerLength).toString("latin1");
        expect(bytes.length).toBe(message.length + 2);
        seen.push(`pub ${subject}|${reply}|${headers}|${body}`);
      },
      onSubscribe: (pattern, queue, sid) => seen.push(`sub ${pattern}|${queue}|${sid}`),
      onUnsubscribe: (sid, max) => seen.push(`unsub ${sid}|${max}`),
      onPing: () => seen.push("ping"),
      onPong: () => seen.push("pong"),
    },
    LIMITS,
  );
  if (isOpen) parser.open();
  let fault: WireFault | undefined;
  for (const piece of pieces) {
    fault = parser.feed(piece);
    if (fault !== undefined) break;
  }
  return { seen, fault, parser };
}

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("WireParser", () => {
  it("reads every operation, in any case, with blanks and tabs", () => {
    const { seen, fault } = read([
      bytes(
        'CONNECT {"a":1}\r\nPING\r\npong\r\nSUB a.* 1\r\nsub b.> grp 2\r\nUNSUB 1\r\nUNSUB 2 5\r\nPUB a 2\r\nhi\r\n' +
          "pub\tb\tinbox\t0\r\n\r\nHPUB c 12 14\r\nNATS/1.0\r\n\r\nxx\r\nhpub d r  12  12 \r\nNATS/1.0\r\n\r\n\r\n",
      ),
    ]);

    expect(fault).toBeUndefined();
    expect(seen).toEqual([
      'connect {"a":1}',
      "ping",
      "pong",
      "sub a.*|undefined|1",
      "sub b.>|grp|2",
      "unsub 1|0",
      "unsub 2|5",
      "pub a|undefined||hi",
      "pub b|inbox||",
      "pub c|undefined|NATS/1.0\r\n\r\n|xx",
      "pub d|r|NATS/1.0\r\n\r\n|",
    ]);
  });

  it.each([
    ["\r\n", "unknown_operation"],
    ["\0", "unknown_operation"],
    ["G", "unknown_operation"],
    ["PUBLISH a 1\r\n", "unknown_operation"],
    ["PUT a 1\r\n", "unknown_operation"],
    ["PUB\r\n", "unknown_operation"],
    ["PUB 1\r\n", "unknown_operation"],
    ["PUB a -1\r\n", "unknown_operation"],
    ["PUB a x\r\n", "unknown_operation"],
    ["PUB a 1e3\r\n", "unknown_operation"],
    ["PUB a b c 1\r\n", "unknown_operation"],
    ["PUB a 9999999999\r\n", "unknown_operation"],
    ["PUB a 1\r\nxy\r\n", "unknown_operation"],
    ["PUB a 1\r\nx\n\r", "unknown_operation"],
    ["HPUB a 9 3\r\n", "unknown_operation"],
    ["HPUB a 0 3\r\n", "unknown_operation"],
    ["HPUX a 1 3\r\n", "unknown_operation"],
    ["SUB\r\n", "unknown_operation"],
    ["SUB a\r\n", "unknown_operation"],
    ["SUB a b c d\r\n", "unknown_operation"],
    ["UNSUB\r\n", "unknown_operation"],
    ["UNSUB 1 -1\r\n", "unknown_operation"],
    ["MSG a 1 1\r\n", "unknown_operation"],
    [`PUB ${"a".repeat(4096)} 1\r\n`, "line_too_long"],
    [`PUB ${"a".repeat(4096)}`, "line_too_long"],
    ["PUB a 262145\r\n", "payload_too_large"],
  ])("finds the fault in %j", (text, fault) => {
    expect(read([bytes(text)]).fault).toBe(fault);
    expect(read([...bytes(text)].map((byte) => Buffer.from([byte]))).fault).toBe(fault);
  });

  it("reads nothing but CONNECT before it was opened", () => {
    expect(read([bytes("PUB a 1000\r\n")], { isOpen: false }).fault).toBe("not_connected");
    expect(read([bytes("P")], { isOpen: false }).fault).toBe("not_connected");
    expect(read([bytes("CONNECT {}\r\nPING\r\n")], { isOpen: false })).toMatchObject({
      seen: ["connect {}"],
      fault: "not_connected",
    });
  });

  it("reads nothing more once stopped, even within the same chunk", () => {
    const seen: string[] = [];
    const parser: WireParser = new WireParser(
      {
        onConnect: () => undefined,
        onPublish: () => undefined,
        onSubscribe: () => undefined,
        onUnsubscribe: () => undefined,
        onPing: () => {
          seen.push("ping");
          parser.stop();
        },
        onPong: () => seen.push("pong"),
      },
      LIMITS,
    );
    parser.open();

    parser.feed(bytes("PING\r\nPONG\r\n"));
    parser.feed(bytes("PONG\r\n"));

    expect(seen).toEqual(["ping"]);
  });

  it("tells whether an operation has been begun", () => {
    expect(read([bytes("PING\r\n")]).parser.isPartial).toBe(false);
    expect(read([bytes("PIN")]).parser.isPartial).toBe(true);
    expect(read([bytes("PUB a 5\r\n")]).parser.isPartial).toBe(true);
    expect(read([bytes("PUB a 5\r\nhello\r")]).parser.isPartial).toBe(true);
    expect(read([bytes("PUB a 5\r\nhello\r\n")]).parser.isPartial).toBe(false);
  });

  it("hands a payload on without copying it when it came in one piece", () => {
    const chunk = bytes("PUB a 5\r\nhello\r\n");
    let piece: Buffer | undefined;
    const nothing = () => undefined;
    const parser = new WireParser(
      {
        onConnect: nothing,
        onPublish: (_subject, _reply, message) => {
          piece = message.pieces[0];
        },
        onSubscribe: nothing,
        onUnsubscribe: nothing,
        onPing: nothing,
        onPong: nothing,
      },
      LIMITS,
    );
    parser.open();

    parser.feed(chunk);

    expect(piece?.buffer).toBe(chunk.buffer);
  });

  it("does not keep an object for each byte of a payload that dribbles in", () => {
    let pieces = 0;
    const nothing = () => undefined;
    const parser = new WireParser(
      {
        onConnect: nothing,
        onPublish: (_subject, _reply, message) => {
          pieces = message.pieces.length;
        },
        onSubscribe: nothing,
        onUnsubscribe: nothing,
        onPing: nothing,
        onPong: nothing,
      },
      LIMITS,
    );
    parser.open();
    parser.feed(bytes("PUB a 200000\r\n"));

    for (let index = 0; index < 200_000; index++) parser.feed(Buffer.from([0x61]));
    parser.feed(bytes("\r"));
    parser.feed(bytes("\n"));

    expect(pieces).toBeGreaterThan(0);
    expect(pieces).toBeLessThan(20);
  });

  const operation = fc.oneof(
    fc.constantFrom("PING\r\n", "PONG\r\n", "UNSUB 7\r\n", "SUB a.b 7\r\n", "SUB a.> q 8\r\n"),
    fc
      .tuple(fc.constantFrom("a", "a.b.c"), fc.constantFrom("", "in.box "), fc.string({ maxLength: 40 }))
      .map(([subject, reply, body]) => {
        const text = Buffer.from(body, "utf8").toString("latin1");
        return `PUB ${subject} ${reply}${text.length}\r\n${text}\r\n`;
      }),
    fc.nat({ max: 100_000 }).map((length) => `PUB big ${length}\r\n${"x".repeat(length)}\r\n`),
    fc.string({ maxLength: 30 }).map((body) => {
      const text = Buffer.from(body, "utf8").toString("latin1");
      return `HPUB h 12 ${12 + text.length}\r\nNATS/1.0\r\n\r\n${text}\r\n`;
    }),
  );

  it("reads the same from a stream however it is cut", () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 8 }),
        fc.array(fc.nat({ max: 30_000 }), { maxLength: 30 }),
        (operations, cuts) => {
          const stream = bytes(operations.join(""));

          const whole = read([stream]);
          const cut = read(cutUp(stream, cuts));

          expect(whole.fault).toBeUndefined();
          expect(cut.fault).toBeUndefined();
          expect(cut.seen).toEqual(whole.seen);
          expect(whole.seen.length).toBe(operations.length);
          expect(cut.parser.isPartial).toBe(false);
        },
      ),
    );
  });

  it("takes any bytes, after any beginning, without throwing and without holding more than it may", () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 3 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.array(operation, { maxLength: 3 }),
        (before, garbage, after) => {
          const stream = Buffer.concat([bytes(before.join("")), garbage, bytes(after.join(""))]);

          const whole = read([stream]);
          const cut = read([...cutUp(stream, [1, 2, 3, 5, 7, 11, 13, 1, 1, 1])]);

          expect(whole.seen.slice(0, before.length)).toHaveLength(before.length);
          expect(cut.seen).toEqual(whole.seen);
          expect(cut.fault).toBe(whole.fault);
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** Pieces of the given lengths, over and over, until the stream is used up; lengths of 0 are skipped. */
function cutUp(stream: Buffer, lengths: readonly number[]): Buffer[] {
  const wanted = lengths.filter((length) => length > 0);
  if (wanted.length === 0) return [stream];
  const pieces: Buffer[] = [];
  for (let position = 0, index = 0; position < stream.length; index++) {
    const end = position + (wanted[index % wanted.length] ?? 1);
    pieces.push(Buffer.from(stream.subarray(position, end)));
    position = end;
  }
  return pieces;
}
