/** How many bytes all connections together hold in memory, coming and going. */
export class ByteBudget {
  readonly maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isExceeded(): boolean {
    return this.#usedBytes > this.maxBytes;
  }

  add(bytes: number): void {
    this.#usedBytes += bytes;
  }

  subtract(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
