/** Our plain elements as the library's client sends them, without what XML forbids. */
import { xml } from "@xmpp/client";
import type { XmppElement } from "@xmpp/connection-tcp";
import type { Element } from "../element.ts";
import { cleanText } from "../serialise.ts";

/** The depth is what we made ourselves, so recursion ends. */
export function toClientElement(element: Element, parentNs = ""): XmppElement {
  const attrs: Record<string, string> = {};
  for (const [name, value] of Object.entries(element.attrs)) attrs[name] = cleanText(value);
  if (element.ns !== parentNs) attrs["xmlns"] = element.ns;
  const children = element.children.map((child) =>
    typeof child === "string" ? cleanText(child) : toClientElement(child, element.ns),
  );
  return xml(element.name, attrs, ...children);
}
