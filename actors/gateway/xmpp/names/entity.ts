/** Whom a stanza is for: the gateway, its alias that clients can chat with, an address, a user. */
import type { Network } from "../../../../bitcoin/network.ts";
import { addressToLocal, localToAddress } from "./address-local.ts";
import { canonicalAddress } from "./addresses.ts";
import { escapeLocal, unescapeLocal } from "./escaping.ts";
import { type Jid, parseJid } from "./jid.ts";

export type Entity =
  | { readonly kind: "gateway" }
  /** The gateway under a name: some clients open no chat with a bare domain. */
  | { readonly kind: "alias" }
  | { readonly kind: "address"; readonly address: string }
  /** A user by the JID with which they have registered; whether there is one, and who may know, is asked later. */
  | { readonly kind: "person"; readonly jid: string }
  | { readonly kind: "username"; readonly username: string }
  /** Nobody can have this name. */
  | { readonly kind: "nobody" };

/** What a username may look like anywhere; the ledger judges the rest. */
const USERNAME = /^\p{L}[\p{L}0-9_]{1,63}$/u;

export class AddressSpace {
  /** As whom the gateway itself is seen. */
  readonly gateways: readonly Entity[] = [{ kind: "gateway" }, { kind: "alias" }];
  /** Whether all is said to one account, so that neither addresses nor people have a JID here. */
  readonly isAccount: boolean = false;
  readonly domain: string;
  readonly alias: string;
  readonly network: Network;

  constructor(domain: string, alias: string, network: Network) {
    this.domain = domain;
    this.alias = alias;
    this.network = network;
  }

  /** Whether what is sent there is sent to us. */
  has(to: Jid): boolean {
    return to.domain === this.domain;
  }

  resolve(to: Jid): Entity {
    const { local } = to;
    if (local === "") return { kind: "gateway" };
    if (local === this.alias) return { kind: "alias" };
    const written = localToAddress(local);
    const address = written === undefined ? undefined : canonicalAddress(written, this.network);
    if (address !== undefined) return { kind: "address", address };
    const person = parseJid(unescapeLocal(local));
    if (person !== undefined && person.local !== "" && person.resource === "" && local.includes("\\40"))
      return { kind: "person", jid: `${person.local}@${person.domain}` };
    if (USERNAME.test(local)) return { kind: "username", username: local };
    return { kind: "nobody" };
  }

  /** The address that a text is, as it is written everywhere; undefined when it is none of this network. */
  address(text: string): string | undefined {
    return canonicalAddress(text, this.network);
  }

  jidOf(entity: Entity): string {
    const local = this.#localOf(entity);
    return local === "" ? this.domain : `${local}@${this.domain}`;
  }

  #localOf(entity: Entity): string {
    switch (entity.kind) {
      case "gateway":
      case "nobody":
        return "";
      case "alias":
        return this.alias;
      case "address":
        return addressToLocal(entity.address);
      case "person":
        return escapeLocal(entity.jid);
      case "username":
        return entity.username;
    }
  }
}
