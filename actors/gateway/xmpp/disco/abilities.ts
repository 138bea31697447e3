/** Which identities and features each kind of entity has. */
import { NS } from "../link/namespaces.ts";
import type { Abilities } from "./caps.ts";

const COMMON = [
  NS.commands,
  NS.discoInfo,
  NS.discoItems,
  NS.last,
  NS.version,
  NS.ping,
  NS.receipts,
  NS.time,
  NS.vcard,
];

const GATEWAY_NAME = "Troupe Bitcoin gateway";

/** The two identities and the features by which clients find a gateway in their lists. */
export const GATEWAY: Abilities = Object.freeze({
  identities: [
    { category: "gateway", type: "bitcoin", name: GATEWAY_NAME },
    { category: "automation", type: "command-list" },
  ],
  features: [...COMMON, NS.nick, NS.gateway, NS.register, NS.xData, NS.bob].sort(),
});
