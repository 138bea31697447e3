/** Data forms (XEP-0004): what we ask, what comes back, and tables of results. */
import { childOf, childrenOf, childTextOf, type Element, element, textOf } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

export interface FormOption {
  readonly value: string;
  readonly label: string;
}

export interface FormField {
  readonly name: string;
  readonly type:
    | "text-single"
    | "text-private"
    | "text-multi"
    | "list-single"
    | "boolean"
    | "hidden"
    | "fixed"
    | "jid-single";
  readonly label?: string;
  readonly value?: string;
  readonly isRequired?: boolean;
  readonly options?: readonly FormOption[];
  /** Inside the field, such as a picture. */
  readonly extra?: Element;
}

export interface Form {
  readonly title?: string;
  readonly instructions?: string;
  readonly fields: readonly FormField[];
}

export interface FormTable {
  readonly title?: string;
  readonly columns: readonly { readonly name: string; readonly label: string }[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** What a person may fill in: longer values are cut before anybody looks at them. */
const VALUE_LENGTH_MAX = 4_000;
const FIELDS_MAX = 64;

export function formElement(form: Form, type: "form" | "result" = "form"): Element {
  return element(
    "x",
    NS.xData,
    { type },
    form.title === undefined ? undefined : element("title", NS.xData, {}, form.title),
    form.instructions === undefined ? undefined : element("instructions", NS.xData, {}, form.instructions),
    ...form.fields.map(fieldElement),
  );
}

function fieldElement(field: FormField): Element {
  const values =
    field.value === undefined ? [] : field.type === "text-multi" ? field.value.split("\n") : [field.value];
  return element(
    "field",
    NS.xData,
    { var: field.name === "" ? undefined : field.name, type: field.type, label: field.label },
    ...values.map((value) => element("value", NS.xData, {}, value)),
    ...(field.options ?? []).map(({ value, label }) =>
      element("option", NS.xData, { label }, element("value", NS.xData, {}, value)),
    ),
    field.isRequired ? element("required", NS.xData) : undefined,
    field.extra,
  );
}

export function tableElement(table: FormTable): Element {
  const cell = (name: string, value: string) =>
    element("field", NS.xData, { var: name }, element("value", NS.xData, {}, value));
  return element(
    "x",
    NS.xData,
    { type: "result" },
    table.title === undefined ? undefined : element("title", NS.xData, {}, table.title),
    element(
      "reported",
      NS.xData,
      {},
      ...table.columns.map(({ name, label }) =>
        element("field", NS.xData, { var: name, label, type: "text-single" }),
      ),
    ),
    ...table.rows.map((row) =>
      element("item", NS.xData, {}, ...table.columns.map(({ name }) => cell(name, row[name] ?? ""))),
    ),
  );
}

/** The submitted values inside an element, or undefined when there is no such form. A field twice: the last counts. */
export function submittedValues(parent: Element): ReadonlyMap<string, string> | undefined {
  const form = childOf(parent, "x", NS.xData);
  if (form === undefined || form.attrs["type"] !== "submit") return undefined;
  const values = new Map<string, string>();
  for (const field of childrenOf(form, "field", NS.xData).slice(0, FIELDS_MAX)) {
    const name = field.attrs["var"];
    if (name === undefined || name.length > 100) continue;
    const lines = childrenOf(field, "value", NS.xData).map(textOf);
    values.set(name, lines.join("\n").slice(0, VALUE_LENGTH_MAX));
  }
  return values;
}

/** A field beside the form, as clients without forms send it. */
export function legacyValue(query: Element, name: string): string | undefined {
  return childTextOf(query, name, query.ns)?.slice(0, VALUE_LENGTH_MAX);
}
