/** Replies too large for one message: announced, then sent in chunks against credit, checked by SHA-256. What both ends agree on. */
import { z } from "zod";

/** Above this a reply is announced instead of sent; the bus takes 1 MiB with headers. */
export const INLINE_BYTES_MAX = 768 * 1024;
export const CHUNK_BYTES = 256 * 1024;
/** The receiver acknowledges each fourth chunk and the last. */
export const CHUNKS_PER_ACK = 4;
/** So many chunks may be on their way: 2 MiB, far below what a broker holds for a slow client. */
export const WINDOW_CHUNKS = 8;
export const REPLY_BYTES_MAX_DEFAULT = 64 * 1024 * 1024;

export const AnnouncementSchema = z.object({
  xferId: z.string().regex(/^[0-9a-f]{32}$/),
  size: z.int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  chunks: z.int().min(1),
});
export type Announcement = z.infer<typeof AnnouncementSchema>;

/** True for chunks that ask to be acknowledged. */
export function asksForAck(chunk: number, chunks: number): boolean {
  return (chunk + 1) % CHUNKS_PER_ACK === 0 || chunk === chunks - 1;
}
