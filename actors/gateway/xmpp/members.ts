/** What happens around an account that opens, changes or closes: rosters, presence, a first word. */
import type { Log } from "../../../runtime/log/log.ts";
import { textsOf } from "./language/texts.ts";
import { type Element, element } from "./link/element.ts";
import { NS } from "./link/namespaces.ts";
import { secrecy } from "./link/secrecy.ts";
import type { Entity } from "./names/entity.ts";
import type { People } from "./people/people.ts";
import type { Presence } from "./presence/presence.ts";
import type { Roster } from "./presence/roster.ts";

const ALIAS: Entity = { kind: "alias" };

export interface MembersOptions {
  readonly people: People;
  readonly presence: Presence;
  readonly roster: Roster;
  readonly send: (stanza: Element) => boolean;
  readonly log: Log;
}

export class Members {
  readonly #options: MembersOptions;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** `welcome`: for those who have heard nothing yet. */
  registered(jid: string, welcome?: string): void {
    this.#options.people.forget(jid);
    void this.#quietly(async () => {
      const { people, presence, roster, send } = this.#options;
      const account = await people.account(jid);
      if (account === undefined) return;
      const texts = textsOf(account.settings.language);
      const items = people.space.gateways.map((entity) => ({
        jid: people.space.jidOf(entity),
        // Two of one name would look like a mistake.
        name: entity.kind === "alias" || people.space.isAccount ? "Bitcoin" : "Bitcoin gateway",
      }));
      if (await roster.put(jid, items)) await presence.welcome(jid);
      else presence.greet(jid, texts.greetingStatus);
      if (welcome === undefined) return;
      const body = element("body", "", {}, welcome);
      const from = people.space.jidOf(ALIAS);
      send(
        element(
          "message",
          "",
          { type: "chat", from, to: jid },
          body,
          ...secrecy(),
          element("unstyled", NS.styling),
        ),
      );
    });
  }

  changed(jid: string): void {
    this.#options.people.forget(jid);
    this.#options.presence.changed(jid);
  }

  /** He keeps somebody in view, or does so no more: his list shows it, where addresses and people have a JID. */
  followed(jid: string, contact: Entity, isKept: boolean): void {
    void this.#quietly(async () => {
      const { people, presence, roster } = this.#options;
      if (people.space.isAccount) return;
      const own = people.space.jidOf(contact);
      if (!isKept) {
        presence.parted(jid, contact);
        await roster.remove(jid, [own]);
        return;
      }
      const name = contact.kind === "address" ? contact.address : (own.split("@")[0] ?? own);
      await presence.followed(jid, contact, await roster.put(jid, [{ jid: own, name }]));
    });
  }

  /** His contacts are asked for before: the ledger knows a closed account's no more. */
  removed(jid: string): void {
    this.#options.people.forget(jid);
    void this.#quietly(async () => {
      const { people, presence, roster } = this.#options;
      const contacts = await presence.contacts(jid).catch((): Entity[] => []);
      await presence.farewell(jid, contacts);
      await roster.remove(
        jid,
        [...people.space.gateways, ...contacts].map((entity) => people.space.jidOf(entity)),
      );
    });
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.debug("presence or roster of a person could not be set up", { error });
    }
  }
}
