import { inflateSync } from "node:zlib";
import jsqr from "jsqr";
import { encode } from "uqr";
import { describe, expect, it } from "vitest";
import { qrAvatar, qrPicture } from "./qr.ts";

// A package for require: its default is a member.
const read = jsqr.default;

/** The pixels of one of our pictures, true for black. */
function pixels(png: Buffer): boolean[][] {
  const side = png.readUInt32BE(16);
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") data.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(data));
  const row = Math.ceil(side / 8) + 1;
  return Array.from({ length: side }, (_, y) =>
    Array.from(
      { length: side },
      (__, x) => ((raw[y * row + 1 + (x >> 3)] as number) & (0x80 >> (x & 7))) === 0,
    ),
  );
}

/** What a camera's program of others reads, where `greyAt` says how light each pixel is. */
function seen(side: number, greyAt: (x: number, y: number) => number): string | undefined {
  const image = new Uint8ClampedArray(side * side * 4);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) image.fill(greyAt(x, y), (y * side + x) * 4, (y * side + x) * 4 + 3);
  return read(image, side, side)?.data;
}

const BACKGROUND = 40;

function plain(png: Buffer): string | undefined {
  const drawn = pixels(png);
  return seen(drawn.length, (x, y) => (drawn[y]?.[x] === true ? 0 : 255));
}

/** As clients show avatars: round, on a dark list of contacts. */
function round(png: Buffer): string | undefined {
  const drawn = pixels(png);
  const radius = drawn.length / 2;
  return seen(drawn.length, (x, y) => {
    if (Math.hypot(x + 0.5 - radius, y + 0.5 - radius) > radius) return BACKGROUND;
    return drawn[y]?.[x] === true ? 0 : 255;
  });
}

const URI = "bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const URIS = [
  URI,
  URI.toUpperCase(),
  `${URI}?amount=0.015&label=rent`,
  `${URI}?label=${encodeURIComponent("Miete für Zürich, 3. Stock ₿".repeat(3))}`,
  "bitcoin:3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
  "bitcoin:bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
  "xmpp:btc.example.test",
];

describe("codes to pay by", () => {
  it("show every module of the code, with its quiet zone", () => {
    const { png, sidePixels } = qrPicture(URI);
    const { data, size } = encode(URI, { ecc: "M", border: 0 });
    const drawn = pixels(png);
    expect(sidePixels).toBe((size + 8) * 4);
    const shown = data.map((line, y) => line.map((_, x) => drawn[(y + 4) * 4 + 1]?.[(x + 4) * 4 + 2]));
    expect(shown).toEqual(data);
    expect(drawn.slice(0, 16).flat().some(Boolean)).toBe(false);
  });

  it("stay whole when an avatar is cut to a circle", () => {
    const { png, sidePixels } = qrAvatar(URI);
    const radius = sidePixels / 2;
    const corners = pixels(png).flatMap((line, y) =>
      line.filter((isBlack, x) => isBlack && Math.hypot(x + 0.5 - radius, y + 0.5 - radius) > radius),
    );
    expect(corners).toEqual([]);
  });

  it.each(URIS)("are read by a program of others, as pictures and as avatars: %s", (uri) => {
    expect(plain(qrPicture(uri).png)).toBe(uri);
    expect(plain(qrAvatar(uri).png)).toBe(uri);
    expect(round(qrAvatar(uri).png)).toBe(uri);
  });
});
