/** Uniform Resources (BCR-2020-005): bytes as the texts that hardware signers read from QR codes, one or several. Pure. */
import { crc32 } from "node:zlib";

/** The first and the last letter of each of the 256 words of BCR-2020-012. */
const BYTE_PAIRS =
  "aeadaoaxaaahamatayasbkbdbnbtbabsbebybgbwbbbzcmchcscfcycwcecackctcxclcpcndkdadsdidedtdrdndwdpdmdl" +
  "dyeheyeoeeecenemetesftfrfnfsfmfhfzfpfwfxfyfefgflfdgagegrgsgtglgwgdgygmgughgohfhghdhkhthphhhlhyhe" +
  "hnhsidiaieihiyioisinimjejzjnjtjljojsjpjkjykpkoktkskkknkgkekikblblalylflslrlplnltloldlelulklgmnmy" +
  "mhmemomumwmdmtmsmknlnyndnsntnnnenboyoeotoxonolospdptpkpypspmplpepfpaprqdqzrerprlrorhrdrkrfryrnrs" +
  "rtsesasrssskswstspsosgsbsfsntotktitttdtetytltbtstptatnuyuoutueurvtvyvovlvevwvavdvswlwdwmwpwewyws" +
  "wtwnwzwfwkykynylyaytzszoztzczezm";

const CBOR_UNSIGNED = 0x00;
const CBOR_BYTES = 0x40;
const CBOR_ARRAY = 0x80;

/** CBOR's form of a string of bytes: what most types of resources are. */
export function cborBytes(bytes: Uint8Array): Buffer {
  return Buffer.concat([cborHead(CBOR_BYTES, bytes.length), bytes]);
}

/**
 * The texts of one resource, each with so many of its bytes. Whoever reads them all, in any order and from any one on, has
 * it; mixed parts, which would spare a reader that missed one the wait for the next round, are left out.
 */
export function urParts(type: string, cbor: Uint8Array, partBytesMax: number): string[] {
  const count = Math.ceil(cbor.length / partBytesMax);
  if (count <= 1) return [`ur:${type}/${bytewords(cbor)}`];
  const partBytes = Math.ceil(cbor.length / count);
  const whole = Buffer.alloc(partBytes * count);
  whole.set(cbor);
  return Array.from({ length: count }, (_, at) => {
    const part = Buffer.concat([
      cborHead(CBOR_ARRAY, 5),
      ...[at + 1, count, cbor.length, crc32(cbor)].map((number) => cborHead(CBOR_UNSIGNED, number)),
      cborBytes(whole.subarray(at * partBytes, (at + 1) * partBytes)),
    ]);
    return `ur:${type}/${at + 1}-${count}/${bytewords(part)}`;
  });
}

/** Two letters for each byte, and four bytes that check them. */
function bytewords(bytes: Uint8Array): string {
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(bytes));
  return [...bytes, ...check].map((byte) => BYTE_PAIRS.slice(2 * byte, 2 * byte + 2)).join("");
}

function cborHead(major: number, value: number): Buffer {
  if (value < 24) return Buffer.of(major | value);
  if (value < 0x100) return Buffer.of(major | 24, value);
  const long = value >= 0x10000;
  const head = Buffer.alloc(long ? 5 : 3);
  head.writeUInt8(major | (long ? 26 : 25));
  if (long) head.writeUInt32BE(value, 1);
  else head.writeUInt16BE(value, 1);
  return head;
}
