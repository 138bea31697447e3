/** PSBTs as QR codes: the texts by the standard's vectors, the pictures read by another's decoder. */
import jsqr from "jsqr";
import { describe, expect, it } from "vitest";
import { readVectors } from "../../../tests/harness/data/vectors.ts";
import { seededRandom } from "../../../tests/harness/seed.ts";
import { psbtCodes } from "./psbt-codes.ts";
import { cborBytes, urParts } from "./ur.ts";

interface Resource {
  readonly cbor: string;
  readonly partBytesMax?: number;
  readonly parts: string[];
}

const { single, several } = readVectors<{ single: Resource; several: Resource }>("uniform-resources");
const SMALL = { columns: 80, rows: 23 };
const PIXELS = 4;
const LIGHT: Readonly<Record<string, readonly [boolean, boolean]>> = {
  " ": [false, false],
  "▀": [true, false],
  "▄": [false, true],
  "█": [true, true],
};

/** What a camera before a dark terminal reads. */
function read(lines: readonly string[]): string | undefined {
  const modules = lines.flatMap((line) => [0, 1].map((half) => [...line].map((one) => LIGHT[one]?.[half])));
  const width = (modules[0]?.length ?? 0) * PIXELS;
  const height = modules.length * PIXELS;
  const image = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const isLight = modules[Math.floor(y / PIXELS)]?.[Math.floor(x / PIXELS)] === true;
      image.fill(isLight ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  return jsqr.default(image, width, height)?.data;
}

function psbtOf(bytes: number): string {
  const random = seededRandom();
  const body = Array.from({ length: bytes - 5 }, () => Math.floor(random() * 256));
  return Buffer.from([0x70, 0x73, 0x62, 0x74, 0xff, ...body]).toString("base64");
}

describe("Uniform Resources", () => {
  it.each([single, several])("are the texts of the standard's vectors", ({ cbor, partBytesMax, parts }) => {
    expect(urParts("bytes", Buffer.from(cbor, "hex"), partBytesMax ?? 100)).toEqual(parts);
  });

  it("wrap bytes as CBOR does, whatever their length", () => {
    for (const { cbor } of [single, several]) {
      const bytes = Buffer.from(cbor, "hex");
      const inner = bytes.subarray(bytes[0] === 0x58 ? 2 : 3);
      expect(cborBytes(inner).toString("hex")).toBe(cbor);
    }
    expect(cborBytes(Buffer.alloc(23))[0]).toBe(0x57);
    expect(cborBytes(Buffer.alloc(24)).subarray(0, 2).toString("hex")).toBe("5818");
    expect(cborBytes(Buffer.alloc(65_536)).subarray(0, 5).toString("hex")).toBe("5a00010000");
  });
});

describe("a PSBT's QR codes", () => {
  it("are one with the whole text where the terminal has room for it", () => {
    const small = psbtOf(90);
    const large = psbtOf(600);

    expect(psbtCodes(small, SMALL).map(read)).toEqual([small]);
    expect(psbtCodes(large, { columns: 130, rows: 70 }).map(read)).toEqual([large]);
  });

  it.each([300, 700, 3_000])("are otherwise a round of parts that fit 80x24: %i bytes", (bytes) => {
    const psbt = psbtOf(bytes);
    const codes = psbtCodes(psbt, SMALL);
    const texts = codes.map(read);

    for (const lines of codes) expect(lines.length).toBeLessThanOrEqual(SMALL.rows);
    const cbor = cborBytes(Buffer.from(psbt, "base64"));
    const partBytes = Math.ceil(cbor.length / codes.length);
    expect(texts).toEqual(urParts("crypto-psbt", cbor, partBytes).map((part) => part.toUpperCase()));
    expect(texts[0]).toMatch(new RegExp(`^UR:CRYPTO-PSBT/1-${codes.length}/`));
  });

  it("are none where nobody would wait for all of them", () => {
    expect(psbtCodes(psbtOf(100_000), SMALL)).toEqual([]);
    expect(psbtCodes(psbtOf(600), { columns: 20, rows: 10 })).toEqual([]);
  });
});
