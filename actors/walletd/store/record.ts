/** One sealed record of a wallet file: how it is framed, and how a write that was cut short is told from damage. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { FileKeys } from "./password-key.ts";

/** Frame: tag of the frame 16, length of the body 4, nonce 12. Then the body, and the tag of the body 16. */
const FRAME_BYTES = 32;
const TAG_BYTES = 16;
/** Records begin and end on multiples of this, so that no sector holds less than this of one. */
const GRAIN_BYTES = 16;
/** Disks write sectors whole; of a write that was cut short some sectors are there, and the others read as zeros. */
const SECTOR_BYTES = 512;

export const RECORD_BYTES_MAX = 256 * 1024 * 1024;

/** Where a record stands in its file. Both numbers are sealed with it: none can be moved, dropped from between, or repeated. */
export interface RecordPlace {
  readonly offset: number;
  readonly sequence: number;
}

/** Body bytes of a record; the last may be followed by padding (spaces), which whoever reads it must not mind. */
export function sealRecord(keys: FileKeys, place: RecordPlace, body: Uint8Array): Buffer {
  const padded = Math.ceil(body.length / GRAIN_BYTES) * GRAIN_BYTES;
  const record = Buffer.alloc(FRAME_BYTES + padded + TAG_BYTES, " ");
  const frame = record.subarray(TAG_BYTES, FRAME_BYTES);
  frame.writeUInt32BE(padded, 0);
  randomBytes(12).copy(frame, 4);
  frameTag(keys, place.offset, frame).copy(record, 0);

  const cipher = createCipheriv("aes-256-gcm", keys.encryption, frame.subarray(4), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(sealed(keys, place));
  cipher.update(body).copy(record, FRAME_BYTES);
  const rest = cipher.update(Buffer.alloc(padded - body.length, " "));
  rest.copy(record, FRAME_BYTES + body.length);
  cipher.final();
  cipher.getAuthTag().copy(record, FRAME_BYTES + padded);
  return record;
}

export type ReadRecord =
  | { readonly found: "record"; readonly body: Buffer; readonly end: number }
  | { readonly found: "end" }
  /** The rest of the file is a write that was cut short, so that nobody was ever told that it had been done. */
  | { readonly found: "torn" }
  | { readonly found: "damage" };

export function readRecord(keys: FileKeys, file: Buffer, place: RecordPlace): ReadRecord {
  const { offset } = place;
  if (offset === file.length) return { found: "end" };
  if (offset + FRAME_BYTES > file.length) return { found: "torn" };
  const length = bodyLengthAt(keys, file, offset);
  if (length === undefined) return isTorn(keys, file, offset, offset + FRAME_BYTES);
  const end = offset + FRAME_BYTES + length + TAG_BYTES;
  if (end > file.length) return { found: "torn" };
  const body = openBody(keys, place, file.subarray(offset, end));
  return body === undefined ? isTorn(keys, file, offset, end) : { found: "record", body, end };
}

/** Opens a record by itself, as it was read or written before. */
export function openBody(keys: FileKeys, place: RecordPlace, record: Buffer): Buffer | undefined {
  const nonce = record.subarray(TAG_BYTES + 4, FRAME_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", keys.encryption, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(sealed(keys, place));
  decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
  const body = decipher.update(record.subarray(FRAME_BYTES, record.length - TAG_BYTES));
  try {
    decipher.final();
    return body;
  } catch {
    // The tag does not fit: what was decrypted is nobody's words.
    body.fill(0);
    return undefined;
  }
}

/**
 * A record that does not open was cut short only if one of its sectors was never written, and nothing was written after it:
 * records are written one at a time. Anything else is damage. A changed byte leaves no sector of zeros.
 */
function isTorn(keys: FileKeys, file: Buffer, start: number, end: number): ReadRecord {
  return hasEmptySector(file, start, end) && !hasRecordAfter(keys, file, start + GRAIN_BYTES)
    ? { found: "torn" }
    : { found: "damage" };
}

function hasEmptySector(file: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (file.subarray(at, next).every((byte) => byte === 0)) return true;
    at = next;
  }
  return false;
}

function hasRecordAfter(keys: FileKeys, file: Buffer, from: number): boolean {
  for (let at = from; at + FRAME_BYTES <= file.length; at += GRAIN_BYTES) {
    if (bodyLengthAt(keys, file, at) !== undefined) return true;
  }
  return false;
}

/** Undefined when no record begins there. */
function bodyLengthAt(keys: FileKeys, file: Buffer, offset: number): number | undefined {
  const frame = file.subarray(offset + TAG_BYTES, offset + FRAME_BYTES);
  const length = frame.readUInt32BE(0);
  // Seldom true of other bytes, so that looking for a record in many megabytes is quick.
  if (length % GRAIN_BYTES !== 0 || length > RECORD_BYTES_MAX) return undefined;
  return frameTag(keys, offset, frame).equals(file.subarray(offset, offset + TAG_BYTES)) ? length : undefined;
}

function frameTag(keys: FileKeys, offset: number, frame: Buffer): Buffer {
  return keys.tag("frame", number64(offset), frame);
}

function sealed(keys: FileKeys, { offset, sequence }: RecordPlace): Buffer {
  return Buffer.concat([keys.head, number64(offset), number64(sequence)]);
}

function number64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
