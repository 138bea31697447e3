/** Which identities and features each kind of entity has. */
import { NS } from "../link/namespaces.ts";
import type { AddressSpace } from "../names/entity.ts";
import type { Abilities } from "./caps.ts";

const COMMON = [
  NS.chatStates,
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

/** Of the gateway where it is an ordinary account: its server answers for that, and this for its one client. */
const BOT: Abilities = Object.freeze({
  identities: [
    { category: "client", type: "bot", name: GATEWAY_NAME },
    { category: "automation", type: "command-list" },
  ],
  features: [...COMMON, NS.xData, NS.bob].sort(),
});

export function gatewayAbilities({ isAccount }: Pick<AddressSpace, "isAccount">): Abilities {
  return isAccount ? BOT : GATEWAY;
}

/** `pubsub/pep` makes clients ask for avatars. */
export function contactAbilities(name: string): Abilities {
  return {
    identities: [
      { category: "account", type: "registered", name },
      { category: "pubsub", type: "pep" },
    ],
    features: [...COMMON, NS.nick, NS.bob, NS.vcard4].sort(),
  };
}

export function commandAbilities(name: string): Abilities {
  return {
    identities: [{ category: "automation", type: "command-node", name }],
    features: [NS.commands, NS.xData],
  };
}

export const USERS_NODE = "users";
export const ADDRESSES_NODE = "addresses";

export function listAbilities(name: string, isDirectory: boolean): Abilities {
  return {
    identities: [
      isDirectory
        ? { category: "directory", type: "user", name }
        : { category: "hierarchy", type: "branch", name },
    ],
    features: [NS.discoInfo, NS.discoItems],
  };
}
