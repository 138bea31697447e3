/** Values of a form that somebody has filled, whichever door brought it. */
import type { Field, Values } from "./command.ts";

/** Only what was asked, as the command wants it. */
export function normalised(
  fields: readonly Field[],
  submitted: ReadonlyMap<string, string>,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, kind, standard } of fields) {
    const value = submitted.get(name);
    if (kind === "yes") values.set(name, value === "1" || value === "true" ? "1" : "0");
    else if (value !== undefined && value !== "") values.set(name, value);
    else if (standard !== undefined) values.set(name, standard);
  }
  return values;
}

/** The first that cannot be left out and is. */
export function missingField(fields: readonly Field[], values: Values): Field | undefined {
  return fields.find(
    ({ name, isRequired, kind }) => isRequired && kind !== "yes" && (values.get(name) ?? "").trim() === "",
  );
}
