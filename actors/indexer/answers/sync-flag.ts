/** Whether the index is level with the node: said by the writer, read by its query threads, in four bytes that they share. */

export class SyncFlag {
  readonly memory: SharedArrayBuffer;
  readonly #flag: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#flag = new Int32Array(memory);
  }

  get isSynced(): boolean {
    return Atomics.load(this.#flag, 0) === 1;
  }

  set isSynced(value: boolean) {
    Atomics.store(this.#flag, 0, value ? 1 : 0);
  }
}
