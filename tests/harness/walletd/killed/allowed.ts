/** What may be true of something whose owner may be killed: one value that was answered, or also those that were asked for without an answer. */

export class Allowed<K, V> {
  readonly #values = new Map<K, Set<V>>();

  get keys(): K[] {
    return [...this.#values.keys()];
  }

  of(key: K): Set<V> | undefined {
    return this.#values.get(key);
  }

  set(key: K, value: V): void {
    this.#values.set(key, new Set([value]));
  }

  /** Call what it gives when the answer is there: what was true before the request is then true no more. */
  ask(key: K, value: V, otherwise: V): () => void {
    const values = this.#values.get(key) ?? new Set([otherwise]);
    const before = [...values];
    this.#values.set(key, values.add(value));
    return () => {
      for (const old of before) if (old !== value) values.delete(old);
    };
  }
}
