/** JSON that is written already: big answers are made once, in pieces, and never parsed or copied on their way out. */

export class EncodedJson {
  /** UTF-8; together one JSON text without a line end. */
  readonly pieces: readonly Uint8Array[];
  readonly lengthBytes: number;

  /** `text` is for what is small enough to be one string. */
  constructor(json: string | readonly Uint8Array[]) {
    this.pieces = typeof json === "string" ? [Buffer.from(json)] : json;
    this.lengthBytes = this.pieces.reduce((sum, piece) => sum + piece.length, 0);
  }
}
