import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Codec } from "./codec.ts";
import { LineCodec } from "./line-codec.ts";
import { WebSocketCodec } from "./websocket-codec.ts";

const LENGTH_MAX = 1_000;

/** All messages of bytes that come in these pieces, and what ended them. */
function readAll(
  codec: Codec,
  pieces: readonly Buffer[],
): { messages: string[]; failure: string | undefined } {
  const messages: string[] = [];
  try {
    for (const piece of pieces) {
      codec.push(Buffer.from(piece));
      for (let message = codec.next(); message !== undefined; message = codec.next()) {
        messages.push(message.toString("utf8"));
      }
    }
  } catch (error) {
    return { messages, failure: (error as Error).message };
  }
  return { messages, failure: undefined };
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((share) => Math.floor(share * bytes.length)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

interface FrameOptions {
  readonly first?: number;
  readonly isMasked?: boolean;
  /** What the head says, when that is not the truth. */
  readonly said?: number;
}

const TEXT = 0x81;
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

function frame(payload: string | Buffer, { first = TEXT, isMasked = true, said }: FrameOptions = {}): Buffer {
  const bytes = Buffer.from(payload);
  const length = said ?? bytes.length;
  const short = length < 126 ? length : length < 0x1_0000 ? 126 : 127;
  const extended = Buffer.alloc(short === 126 ? 2 : short === 127 ? 8 : 0);
  if (short === 126) extended.writeUInt16BE(length);
  if (short === 127) extended.writeBigUInt64BE(BigInt(length));
  const head = Buffer.concat([Buffer.from([first, (isMasked ? 0x80 : 0) | short]), extended]);
  if (!isMasked) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, MASK, Buffer.from(bytes.map((byte, at) => byte ^ (MASK[at & 3] ?? 0)))]);
}

function webSocket(): { codec: WebSocketCodec; pongs: Buffer[] } {
  const pongs: Buffer[] = [];
  return { codec: new WebSocketCodec(LENGTH_MAX, (pong) => void pongs.push(Buffer.from(pong))), pongs };
}

const texts = fc.array(
  fc
    .string({ maxLength: 300, unit: "grapheme" })
    .filter((text) => !text.includes("\n") && Buffer.byteLength(text) <= 900),
  { maxLength: 12 },
);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });

describe("lines", () => {
  it("are the same however the stream is cut, and nothing is held after the last", () => {
    fc.assert(
      fc.property(texts, cuts, (messages, shares) => {
        const codec = new LineCodec(LENGTH_MAX);
        const bytes = Buffer.from(messages.map((text) => `${text}\n`).join(""));

        expect(readAll(codec, cut(bytes, shares))).toEqual({ messages, failure: undefined });
        expect(codec.heldBytes).toBe(0);
        expect(codec.isPartial).toBe(false);
      }),
    );
  });

  it("that are too long end it for good, with nothing held, ended or not", () => {
    for (const text of ["x".repeat(LENGTH_MAX + 1), `${"x".repeat(LENGTH_MAX + 1)}\nshort\n`]) {
      const codec = new LineCodec(LENGTH_MAX);

      expect(readAll(codec, cut(Buffer.from(`fine\n${text}`), [0.3, 0.9])).messages).toEqual(["fine"]);
      codec.push(Buffer.from("more\n"));
      expect(() => codec.next()).toThrow(/too large/);
      expect(codec.heldBytes).toBe(0);
    }
  });

  it("one byte at a time cost little more memory than they have bytes", () => {
    const codec = new LineCodec(1_000_000);
    for (let at = 0; at < 100_000; at++) {
      codec.push(Buffer.from("x"));
      expect(codec.next()).toBeUndefined();
    }

    expect(codec.isPartial).toBe(true);
    expect(codec.heldBytes).toBeLessThan(200_001);
  });
});

describe("WebSocket frames", () => {
  it("are the same messages however the stream is cut and however messages are parted", () => {
    fc.assert(
      fc.property(texts, cuts, fc.integer({ min: 1, max: 50 }), (messages, shares, partBytes) => {
        const { codec } = webSocket();
        const bytes = Buffer.concat(
          messages.flatMap((text) => {
            const payload = Buffer.from(text);
            const parts = Array.from(
              { length: Math.max(1, Math.ceil(payload.length / partBytes)) },
              (_, at) => payload.subarray(at * partBytes, (at + 1) * partBytes),
            );
            return parts.map((part, at) =>
              frame(part, { first: (at === 0 ? 1 : 0) | (at === parts.length - 1 ? 0x80 : 0) }),
            );
          }),
        );

        expect(readAll(codec, cut(bytes, shares))).toEqual({ messages, failure: undefined });
        expect(codec.heldBytes).toBe(0);
        expect(codec.isPartial).toBe(false);
      }),
    );
  });

  it("that ping are answered in kind, also between the parts of a message", () => {
    const { codec, pongs } = webSocket();
    const pieces = [
      frame("he", { first: 0x01 }),
      frame("are you there", { first: 0x89 }),
      frame("y", { first: 0x80 }),
    ];

    expect(readAll(codec, pieces).messages).toEqual(["hey"]);
    expect(pongs).toEqual([Buffer.concat([Buffer.from([0x8a, 13]), Buffer.from("are you there")])]);
  });

  it("that ping for hours between messages are no message that comes in parts, and hold no memory", () => {
    const { codec, pongs } = webSocket();
    for (let at = 0; at < 5_000; at++) {
      const piece = Buffer.concat([frame("", { first: 0x89 }), frame("yes", { first: 0x8a })]);
      // A control frame may come in parts as well.
      for (const part of cut(piece, at % 3 === 0 ? [0.2, 0.5] : [])) codec.push(part);
      expect(codec.next()).toBeUndefined();
      expect(codec.isPartial).toBe(false);
      expect(codec.heldBytes).toBe(0);
    }
    expect(pongs).toHaveLength(5_000);

    expect(readAll(codec, [frame("he", { first: 0x01 }), frame("?", { first: 0x89 })]).messages).toEqual([]);
    expect(codec.isPartial).toBe(true);
    expect(readAll(codec, [frame("y", { first: 0x80 })]).messages).toEqual(["hey"]);
    expect(codec.isPartial).toBe(false);
  });

  it.each([
    ["not masked", frame("x", { isMasked: false }), 1002],
    ["of an unknown kind", frame("x", { first: 0x83 }), 1002],
    ["of an unknown control kind", frame("x", { first: 0x8b }), 1002],
    ["with a reserved bit", frame("x", { first: 0xc1 }), 1002],
    ["binary", frame("x", { first: 0x82 }), 1003],
    ["a part of nothing", frame("x", { first: 0x80 }), 1002],
    ["a second beginning", Buffer.concat([frame("x", { first: 0x01 }), frame("x")]), 1002],
    ["a ping in parts", frame("x", { first: 0x09 }), 1002],
    ["a long ping", frame("x".repeat(126), { first: 0x89 }), 1002],
    ["no UTF-8", frame(Buffer.from([0xff])), 1007],
    ["too long", frame("", { said: LENGTH_MAX + 1 }), 1009],
    ["absurdly long", frame("", { said: 2 ** 40 }), 1009],
    [
      "too long in parts",
      Buffer.concat([frame("x".repeat(900), { first: 1 }), frame("x".repeat(101), { first: 0 })]),
      1009,
    ],
    ["the end", frame(Buffer.from([0x03, 0xe8]), { first: 0x88 }), 1000],
  ])("that are %s end it, with the status that says why", (_what, bytes, status) => {
    const { codec } = webSocket();

    expect(readAll(codec, [bytes, frame("more")])).toMatchObject({
      messages: [],
      failure: expect.anything(),
    });
    expect([...codec.farewell()]).toEqual([0x88, 2, status >> 8, status & 0xff]);
    expect(codec.heldBytes).toBe(0);
  });

  it("of one byte by the thousand in one chunk are not thousands of messages at once", () => {
    const { codec } = webSocket();
    codec.push(Buffer.concat(Array.from({ length: 9_000 }, () => frame("x"))));

    expect(codec.next()?.toString()).toBe("x");
    // The rest is still the bytes that have come.
    expect(codec.heldBytes).toBeGreaterThan(9_000 * 7 - 600);
    expect(codec.heldBytes).toBeLessThan(9_000 * 7);
  });

  it("in more parts or pieces than anybody honest sends end it, and until then their cost in memory is told", () => {
    const parts = [
      frame("x", { first: 0x01 }),
      ...Array.from({ length: 256 }, () => frame("x", { first: 0 })),
    ];
    const inParts = webSocket().codec;
    expect(readAll(inParts, parts).failure).toMatch(/fragments/);
    expect([...inParts.farewell()]).toEqual([0x88, 2, 1008 >> 8, 1008 & 0xff]);

    const { codec } = webSocket();
    const bytes = [...frame("x".repeat(900)).subarray(0, 800)].map((byte) => Buffer.from([byte]));
    expect(readAll(codec, bytes).failure).toBeUndefined();
    expect(codec.isPartial).toBe(true);
    expect(codec.heldBytes).toBeGreaterThan(100 * bytes.length);

    const larger = new WebSocketCodec(1_000_000, () => undefined);
    const slow = [frame("", { said: 900_000 }), ...Array.from({ length: 4_000 }, () => Buffer.from("x"))];
    expect(readAll(larger, slow).failure).toMatch(/chunks/);
    expect(larger.heldBytes).toBe(0);
  });

  it("that came whole before a fault are still messages", () => {
    const { codec } = webSocket();
    const bytes = Buffer.concat([frame("one"), frame("two"), frame("x", { isMasked: false })]);
    expect(readAll(codec, [bytes])).toMatchObject({
      messages: ["one", "two"],
      failure: expect.stringMatching(/MASK/),
    });
  });

  it("from us have the length in the shortest form", () => {
    const { codec } = webSocket();
    const heads = [125, 126, 65_535, 65_536].map((length) => codec.encode(["x".repeat(length)])[0]);

    expect(heads.map((head) => [...(head ?? [])])).toEqual([
      [0x81, 125],
      [0x81, 126, 0, 126],
      [0x81, 126, 0xff, 0xff],
      [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0],
    ]);
  });
});
