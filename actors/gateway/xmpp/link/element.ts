/** An XML element as plain data: what the door thinks in, whatever library reads the wire. */

export interface Element {
  readonly name: string;
  /** The namespace; "" is the stream's own, in which stanzas and their first children are. */
  readonly ns: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly (Element | string)[];
}

type Content = Element | string | undefined;

/** Attributes and children that are undefined are left out, so that callers need no conditions. */
export function element(
  name: string,
  ns: string,
  attrs: Readonly<Record<string, string | undefined>> = {},
  ...children: readonly Content[]
): Element {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(attrs)) if (value !== undefined) kept[key] = value;
  return { name, ns, attrs: kept, children: children.filter((child) => child !== undefined) };
}

export function elementsOf(parent: Element): Element[] {
  return parent.children.filter((child): child is Element => typeof child !== "string");
}

export function childOf(parent: Element, name: string, ns: string): Element | undefined {
  return elementsOf(parent).find((child) => child.name === name && child.ns === ns);
}

export function childrenOf(parent: Element, name: string, ns: string): Element[] {
  return elementsOf(parent).filter((child) => child.name === name && child.ns === ns);
}

/** Its own text, without that of elements inside. */
export function textOf(parent: Element): string {
  return parent.children.filter((child): child is string => typeof child === "string").join("");
}

export function childTextOf(parent: Element, name: string, ns: string): string | undefined {
  const child = childOf(parent, name, ns);
  return child === undefined ? undefined : textOf(child);
}
