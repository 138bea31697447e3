import fc from "fast-check";
import { expect, test } from "vitest";
import type { HeaderList } from "./carrier/transport.ts";
import {
  decodeError,
  type Envelope,
  encodeError,
  formatEnvelope,
  headerValue,
  isErrorReply,
  readEnvelope,
} from "./envelope.ts";

const read = (text: string): Envelope => readEnvelope([["Troupe", text]]);

test("an envelope is one compact header with one letter per field", () => {
  const text = formatEnvelope({
    deadlineMs: 1999.7,
    id: "m1",
    key: "k-1",
    attempt: 2,
    contract: "0123abcd",
    fence: 7,
    sequence: { epoch: "e1", seq: 5, previous: 3 },
  });

  expect(text).toBe("d=1999;i=m1;k=k-1;a=2;c=0123abcd;f=7;s=e1.5.3");
});

test("what is written is read back, whatever it is", () => {
  const token = fc.stringMatching(/^[A-Za-z0-9_.-]{1,40}$/);
  const number = fc.nat({ max: 1_000_000_000 });
  const envelope = fc.record(
    {
      deadlineMs: number,
      id: token,
      key: fc.stringMatching(/^[A-Za-z0-9_.:/-]{1,128}$/),
      attempt: number,
      contract: fc.stringMatching(/^[0-9a-f]{8}$/),
      fence: fc.nat(),
      sequence: fc.record({ epoch: fc.stringMatching(/^[a-z0-9]{1,32}$/), seq: number, previous: number }),
      bulk: fc.constant(true),
      chunk: number,
    },
    { requiredKeys: [] },
  );

  fc.assert(
    fc.property(envelope, (written) => {
      const text = formatEnvelope(written);
      const headers: HeaderList = text === undefined ? [] : [["Troupe", text]];
      expect(readEnvelope(headers)).toEqual(written);
    }),
  );
});

test.each([
  ["a number that is none", "d=abc"],
  ["a negative number", "d=-1"],
  ["a field without a value sign", "d"],
  ["an empty field", "d=1;;a=1"],
  ["a letter twice", "d=1;d=2"],
  ["a hash of the wrong length", "c=123"],
  ["a sequence without numbers", "s=epoch"],
  ["a key with a space", "k=a b"],
  ["a key that is too long", `k=${"x".repeat(129)}`],
  ["a header that is too long", `d=1;z=${"x".repeat(512)}`],
])("%s is a bad request", (_what, text) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ code: "BUS_BAD_REQUEST" }));
});

test("two Troupe headers are a bad request", () => {
  const headers: HeaderList = [
    ["Troupe", "d=1"],
    ["Troupe", "d=2"],
  ];

  expect(() => readEnvelope(headers)).toThrow(expect.objectContaining({ code: "BUS_BAD_REQUEST" }));
});

test("a letter of a newer release is passed over", () => {
  expect(read("d=5;z=anything at all")).toEqual({ deadlineMs: 5 });
});

test("any text is either read or refused as a bad request, never anything else", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 600 }), (text) => {
      try {
        read(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "BUS_BAD_REQUEST" });
      }
    }),
  );
});

test("an error's message cannot smuggle a header in", () => {
  const { headers } = encodeError({ code: "BUS_BUSY", message: "full\r\nTroupe: f=99", data: {} }, 429);

  expect(headers).toEqual([
    ["Nats-Service-Error-Code", "429"],
    ["Nats-Service-Error", "BUS_BUSY: full Troupe: f=99"],
  ]);
  expect(isErrorReply(headers)).toBe(true);
  expect(headerValue(headers, "Troupe")).toBeUndefined();
});

test("an error comes back with code, message and data", () => {
  const error = { code: "WALLETD_LOCKED", message: "The wallet is locked.", data: { wallet: "w1" } };

  expect(decodeError(encodeError(error, 422).body)).toEqual(error);
});

test.each([
  ["not JSON", "{"],
  ["an array", "[]"],
  ["null", "null"],
  ["no code", "{}"],
  ["a foul code", '{"code":"a b","message":""}'],
])("an error body that is %s is not believed", (_what, text) => {
  expect(decodeError(Buffer.from(text))).toBeUndefined();
});
