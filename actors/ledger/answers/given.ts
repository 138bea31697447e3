/** What a request gives of an object: what it leaves out is not said to be nothing. */
export type Given<T> = { readonly [K in keyof T]?: T[K] | undefined };

export function given<T extends object>(partial: Given<T>): Partial<T> {
  return Object.fromEntries(Object.entries(partial).filter(([, value]) => value !== undefined)) as Partial<T>;
}
