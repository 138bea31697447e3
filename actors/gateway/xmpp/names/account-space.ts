/** Where the door has but an account: all people talk to that one JID, and nobody else of its domain is ours. */
import type { Network } from "../../../../bitcoin/network.ts";
import { AddressSpace, type Entity } from "./entity.ts";
import { bareJid, type Jid } from "./jid.ts";

export class AccountSpace extends AddressSpace {
  override readonly gateways: readonly Entity[] = [{ kind: "alias" }];
  override readonly isAccount = true;
  readonly #jid: string;

  constructor(account: Jid, network: Network) {
    super(account.domain, account.local, network);
    this.#jid = bareJid(account);
  }

  override has(to: Jid): boolean {
    return bareJid(to) === this.#jid;
  }

  override resolve(to: Jid): Entity {
    return this.has(to) ? { kind: "alias" } : { kind: "nobody" };
  }

  override jidOf(): string {
    return this.#jid;
  }
}
