/** What keeps a message to the one client that it is sent to. */
import { type Element, element } from "./element.ts";
import { NS } from "./namespaces.ts";

/** For whom it is sent to alone: neither the person's other clients nor an archive get it. */
export function secrecy(): Element[] {
  return [
    element("private", NS.carbons),
    element("no-copy", NS.hints),
    element("no-permanent-store", NS.hints),
  ];
}
