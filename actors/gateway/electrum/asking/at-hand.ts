/** What may be answered at once, and otherwise in the company of other questions. */

/** `found` where there is something; else, now or later, what `ask` brings. */
export function atHandOr<A extends object>(
  found: A | Promise<A | undefined> | undefined,
  ask: () => Promise<A>,
): A | Promise<A> {
  if (found === undefined) return ask();
  return found instanceof Promise ? found.then((late) => late ?? ask()) : found;
}

/** Applies `use` to what is there, now or later. What is at hand stays without a promise: that would cost more than the rest. */
export function whenThere<A extends object, B>(
  found: A | Promise<A | undefined> | undefined,
  use: (found: A) => B | undefined,
): B | Promise<B | undefined> | undefined {
  if (found === undefined) return undefined;
  return found instanceof Promise ? found.then((late) => late && use(late)) : use(found);
}

/** The same of an answer that there is in any case; `failed` says in its words why one that comes later does not. */
export function whenKnown<A, B>(
  answer: A | Promise<A>,
  use: (answer: A) => B | Promise<B>,
  failed?: (error: unknown) => never,
): B | Promise<B> {
  return answer instanceof Promise ? answer.then(use, failed) : use(answer);
}
