/** What the library has read becomes plain data, within bounds of depth and number: nesting alone can overflow a stack. */
import type { Element } from "./element.ts";
import { NS } from "./namespaces.ts";

/** An element of the library `ltx`, as far as we look at it. */
export interface WireElement {
  readonly name: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly children: readonly (WireElement | string)[];
}

const DEPTH_MAX = 32;
const ELEMENTS_MAX = 512;
/** Shorter ones the engine copies by itself. */
const CUT_LENGTH_MIN = 13;

/** Undefined when it is too deep or has too many elements. */
export function fromWire(wire: WireElement): Element | undefined {
  let count = 0;
  const read = (
    from: WireElement,
    depth: number,
    scope: ReadonlyMap<string, string>,
  ): Element | undefined => {
    if (depth > DEPTH_MAX || ++count > ELEMENTS_MAX) return undefined;
    const attrs: Record<string, string> = {};
    let inner = scope;
    for (const [key, value] of Object.entries(from.attrs)) {
      const text = owned(String(value));
      if (key === "xmlns") inner = new Map(inner).set("", text);
      else if (key.startsWith("xmlns:")) inner = new Map(inner).set(key.slice(6), text);
      else attrs[key] = text;
    }
    const [prefix, name] = splitName(from.name);
    const ns = inner.get(prefix) ?? "";
    const children: (Element | string)[] = [];
    for (const child of from.children) {
      if (typeof child === "string") {
        children.push(owned(child));
        continue;
      }
      const one = read(child, depth + 1, inner);
      if (one === undefined) return undefined;
      children.push(one);
    }
    return { name, ns: ns === NS.component || ns === NS.client ? "" : ns, attrs, children };
  };
  return read(wire, 1, new Map());
}

/** What is cut out of a longer text keeps all of it in memory: one name that we remember, a whole packet. */
function owned(text: string): string {
  return text.length < CUT_LENGTH_MIN ? text : Buffer.from(text).toString();
}

function splitName(name: string): [prefix: string, local: string] {
  const at = name.indexOf(":");
  return at < 0 ? ["", name] : [name.slice(0, at), name.slice(at + 1)];
}
