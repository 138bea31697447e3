/** What every language has to say: the texts of English, as a type. A language that lacks one does not compile. */
import type { en } from "./en.ts";

type Widened<T> = T extends string
  ? string
  : T extends readonly string[]
    ? readonly string[]
    : T extends (...args: infer A) => string
      ? (...args: A) => string
      : { readonly [K in keyof T]: Widened<T[K]> };

export type Texts = Widened<typeof en>;

export type CommandWord = keyof (typeof en)["words"];
