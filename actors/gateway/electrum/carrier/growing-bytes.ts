/** Bytes that come in pieces of any size until a message is whole: copied once, room doubled, so that one-byte pieces cost nothing. */

const ROOM_MIN = 256;

export class GrowingBytes {
  #room: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What is held in memory. */
  get roomBytes(): number {
    return this.#room?.length ?? 0;
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (this.#room === undefined || this.#room.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(ROOM_MIN, length, this.roomBytes * 2));
      if (this.#room !== undefined) this.#room.copy(larger, 0, 0, this.#length);
      this.#room = larger;
    }
    this.#room.set(piece, this.#length);
    this.#length = length;
  }

  /** All of it; nothing is held afterwards. */
  take(): Buffer {
    const taken = this.#room?.subarray(0, this.#length) ?? Buffer.alloc(0);
    this.#room = undefined;
    this.#length = 0;
    return taken;
  }
}
