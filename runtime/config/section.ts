/** One section of the configuration file: a name, a sentence, and a schema whose every key has a default and a description. */
import type { z } from "zod";

export interface Section<S extends z.ZodObject = z.ZodObject> {
  /** The table's name in the TOML file, `[name]`; environment names are `TROUPE_NAME__KEY`. */
  readonly name: string;
  readonly title: string;
  readonly schema: S;
}

/** Declares a section. Keys are `snake_case`, carry `.describe("…")`, and have a default or are optional. */
export function section<S extends z.ZodObject>(name: string, title: string, schema: S): Section<S> {
  return Object.freeze({ name, title, schema });
}
