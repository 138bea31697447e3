/** The wire form of protocol buffers, read field by field: as much as a collector of traces needs, and no schema. */

export interface WireField {
  readonly number: number;
  /** A whole number for varints and fixed widths, bytes for all else. */
  readonly value: bigint | Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** @throws RangeError for what is cut short, or of a kind that nobody writes any more. */
export function fieldsOf(message: Uint8Array): WireField[] {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    const kind = tag & 7;
    if (kind === VARINT) fields.push({ number, value: varint() });
    else if (kind === FIXED64 || kind === FIXED32) {
      fields.push({
        number,
        value: kind === FIXED64 ? bytes.readBigUInt64LE(at) : BigInt(bytes.readUInt32LE(at)),
      });
      at += kind === FIXED64 ? 8 : 4;
    } else if (kind === BYTES) {
      const end = Number(varint()) + at;
      if (end > bytes.length) throw new RangeError("a field goes on after the message's end");
      fields.push({ number, value: bytes.subarray(at, end) });
      at = end;
    } else throw new RangeError(`a field of kind ${kind}`);
  }
  return fields;
}
