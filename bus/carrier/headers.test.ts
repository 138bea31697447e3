/** Tests of the header block: what goes in comes out, and what is broken harms nobody. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHeaders, encodeHeaders, NO_RESPONDERS_BLOCK } from "./headers.ts";

describe("headers", () => {
  it("writes the block of the protocol", () => {
    const block = encodeHeaders([
      ["a", "1"],
      ["B", "two words"],
    ]);

    expect(Buffer.from(block).toString()).toBe("NATS/1.0\r\na: 1\r\nB: two words\r\n\r\n");
  });

  it("reads the status of an answer that nobody gave", () => {
    expect(decodeHeaders(Buffer.from(NO_RESPONDERS_BLOCK))).toEqual({ status: 503, headers: [] });
    expect(decodeHeaders(Buffer.from("NATS/1.0 503 No Responders\r\n\r\n")).status).toBe(503);
  });

  it("reads back every list it has written", () => {
    const name = fc.stringMatching(/^[!-9;-~]{1,20}$/);
    const value = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n\0]/g, "").trim());

    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (headers) => {
        expect(decodeHeaders(encodeHeaders(headers))).toEqual({ status: 0, headers });
      }),
    );
  });

  it("reads any bytes without throwing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { headers, status } = decodeHeaders(bytes);
        expect(Number.isInteger(status)).toBe(true);
        expect(headers.every(([name]) => name.length > 0)).toBe(true);
      }),
    );
  });
});
