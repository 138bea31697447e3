/** What an entity can do, as disco#info says it, and the hash by which clients know it again (XEP-0115). */
import { createHash } from "node:crypto";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

export interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name?: string;
}

export interface Abilities {
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
}

/** Names no host: nothing is fetched from it. */
export const CAPS_NODE = "https://troupe.invalid/xmpp";

/** Compared by bytes, as the XEP has it. */
function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

export function capsHash({ identities, features }: Abilities): string {
  const parts = identities
    .map(({ category, type, name = "" }) => `${category}/${type}//${name}`)
    .sort(compareBytes)
    .concat([...features].sort(compareBytes));
  return createHash("sha1")
    .update(parts.map((part) => `${part}<`).join(""))
    .digest("base64");
}

/** Goes along with each available presence. */
export function capsElement(abilities: Abilities): Element {
  return element("c", NS.caps, { hash: "sha-1", node: CAPS_NODE, ver: capsHash(abilities) });
}

export function infoElement(abilities: Abilities, node: string | undefined): Element {
  return element(
    "query",
    NS.discoInfo,
    { node },
    ...abilities.identities.map(({ category, type, name }) =>
      element("identity", NS.discoInfo, { category, type, name }),
    ),
    ...abilities.features.map((feature) => element("feature", NS.discoInfo, { var: feature })),
  );
}
