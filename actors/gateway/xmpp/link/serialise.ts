/** Elements to bytes on the wire: nothing that would make the server close our whole stream gets through. */
import type { Element } from "./element.ts";

/** What XML 1.0 forbids. One such character in any text and Prosody closes the stream of all our users. */
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const LONE_SURROGATE = /\p{Surrogate}/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Text that every XML parser takes. */
export function cleanText(text: string): string {
  return text.replace(FORBIDDEN, "").replace(LONE_SURROGATE, "\ufffd");
}

function escapeXml(text: string): string {
  return cleanText(text).replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** The depth is what we made ourselves, so recursion ends. */
export function serialise(element: Element, parentNs = ""): string {
  const namespace = element.ns === parentNs ? "" : ` xmlns="${escapeXml(element.ns)}"`;
  const attributes = Object.entries(element.attrs)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join("");
  const content = element.children
    .map((child) => (typeof child === "string" ? escapeXml(child) : serialise(child, element.ns)))
    .join("");
  const head = `<${element.name}${namespace}${attributes}`;
  return content === "" ? `${head}/>` : `${head}>${content}</${element.name}>`;
}
