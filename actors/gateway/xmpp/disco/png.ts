/** Black and white pictures as PNG: one bit for each pixel, deflated. */
import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const GREY = 0;

/** `isBlack` is asked for each pixel of a square of `side`. */
export function squarePng(side: number, isBlack: (x: number, y: number) => boolean): Buffer {
  const rowBytes = Math.ceil(side / 8);
  const pixels = Buffer.alloc((rowBytes + 1) * side);
  for (let y = 0; y < side; y++) {
    // The first byte of each row is its filter: none.
    const row = y * (rowBytes + 1) + 1;
    for (let x = 0; x < side; x++) {
      if (!isBlack(x, y)) pixels[row + (x >> 3)] = (pixels[row + (x >> 3)] as number) | (0x80 >> (x & 7));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, GREY, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
