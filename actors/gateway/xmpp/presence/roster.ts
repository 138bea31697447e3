/** Rosters of the server's own people, where it lets us write them (XEP-0356): contacts appear without a question. */
import type { Log } from "../../../../runtime/log/log.ts";
import { childOf, childrenOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

/** Of the older form, which Debian's Prosody speaks, too. */
const PRIVILEGES = [NS.privilege, "urn:xmpp:privilege:1"];

export interface RosterOptions {
  readonly domain: string;
  readonly parentDomain: string;
  /** Under which our contacts stand in people's lists. */
  readonly group: string;
  readonly log: Log;
  readonly request: (iq: Element) => Promise<Element>;
}

export class Roster {
  readonly #options: RosterOptions;
  #isPrivileged = false;

  constructor(options: RosterOptions) {
    this.#options = options;
  }

  /** The server says what we may; it may come before anything else. */
  hear(stanza: Element): void {
    for (const ns of PRIVILEGES) {
      const privilege = childOf(stanza, "privilege", ns);
      if (privilege === undefined) continue;
      this.#isPrivileged = childrenOf(privilege, "perm", ns).some(
        ({ attrs }) => attrs["access"] === "roster" && (attrs["type"] === "both" || attrs["type"] === "set"),
      );
    }
  }

  /** A new link begins without privileges. */
  reset(): void {
    this.#isPrivileged = false;
  }

  reaches(jid: string): boolean {
    return this.#isPrivileged && jid.endsWith(`@${this.#options.parentDomain}`);
  }

  /** Whether the server has done it; where not, we may no more. */
  async put(
    jid: string,
    items: readonly { readonly jid: string; readonly name: string }[],
  ): Promise<boolean> {
    return this.#change(
      jid,
      items.map(({ jid: contact, name }) =>
        element(
          "item",
          NS.roster,
          { jid: contact, name, subscription: "both" },
          element("group", NS.roster, {}, this.#options.group),
        ),
      ),
    );
  }

  async remove(jid: string, contacts: readonly string[]): Promise<boolean> {
    return this.#change(
      jid,
      contacts.map((contact) => element("item", NS.roster, { jid: contact, subscription: "remove" })),
    );
  }

  async #change(jid: string, items: readonly Element[]): Promise<boolean> {
    if (!this.reaches(jid)) return false;
    const { domain, request, log } = this.#options;
    try {
      for (const item of items) {
        const query = element("query", NS.roster, {}, item);
        const reply = await request(element("iq", "", { type: "set", from: domain, to: jid }, query));
        if (reply.attrs["type"] === "result") continue;
        this.#isPrivileged = false;
        return false;
      }
      return true;
    } catch (error) {
      log.debug("a roster could not be written", { error });
      return false;
    }
  }
}
