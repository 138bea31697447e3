/** Work in steps: a question that takes long gives others their turn at each `yield`. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Does all of it now. */
export function finished<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
