/** JSON that is written already: big answers are made once, in pieces, and never parsed or copied on their way out. */

/** Longer text is turned into bytes once, however often it is sent. */
const TEXT_MAX = 4_096;

export class EncodedJson {
  /** ASCII; undefined for what is long. What is short travels faster as text, with what else leaves in the same turn. */
  readonly text: string | undefined;
  readonly lengthBytes: number;
  #pieces: readonly Uint8Array[] | undefined;

  /** One JSON text without a line end: in ASCII for what is small enough to be one string, or pieces in UTF-8. */
  constructor(json: string | readonly Uint8Array[]) {
    if (typeof json === "string" && json.length <= TEXT_MAX) {
      this.text = json;
      this.lengthBytes = json.length;
      return;
    }
    this.text = undefined;
    const pieces = typeof json === "string" ? [Buffer.from(json, "latin1")] : json;
    this.#pieces = pieces;
    this.lengthBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  get pieces(): readonly Uint8Array[] {
    this.#pieces ??= [Buffer.from(this.text ?? "", "latin1")];
    return this.#pieces;
  }
}
