/** The presence machine: who sees whom, and when. What is seen is said in `sightings.ts`. */
import type { LedgerParty } from "../../../../bus/contracts/ledger/objects.ts";
import type { PartyWord } from "../../../../bus/contracts/ledger/values.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { entityOf, partyOfEntity } from "../commands/party.ts";
import { isGateway } from "../disco/disco.ts";
import type { Incoming } from "../door.ts";
import { RecentMap } from "../guard/recent-map.ts";
import { textsOf } from "../language/texts.ts";
import { childTextOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { errorOf } from "../link/replies.ts";
import type { Entity } from "../names/entity.ts";
import { bareJid } from "../names/jid.ts";
import type { People } from "../people/people.ts";
import type { Consents } from "./consents.ts";
import type { Sightings } from "./sightings.ts";

const SEEN_MAX = 20_000;
const RESOURCES_MAX = 50;
const SETTLE_MS = 5_000;
/** So long a client has to take a new contact in. */
const LISTED_MS = 1_000;
/** Two hundred stanzas in a second. */
const PACE = 20;
const PACE_MS = 100;

const PARTING = ["unsubscribe", "unsubscribed", "unavailable"] as const;

const ALIAS: Entity = { kind: "alias" };

interface Seen {
  readonly resources: Set<string>;
  /** What he was last shown, by who was shown. */
  readonly shown: Map<string, string>;
  isUnreachable: boolean;
  isSettling: boolean;
}

export interface PresenceOptions {
  readonly people: People;
  readonly sightings: Sightings;
  readonly consents: Consents;
  readonly clock: Clock;
  readonly log: Log;
  readonly send: (stanza: Element) => boolean;
}

export class Presence {
  readonly #options: PresenceOptions;
  readonly #seen = new RecentMap<string, Seen>(SEEN_MAX);
  /** When each person was shown all that he follows; `isDue`: he will be again. */
  readonly #shownAll = new RecentMap<string, { readonly atMs: number; isDue: boolean }>(SEEN_MAX);
  #announcements = 0;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async take(incoming: Incoming): Promise<void> {
    try {
      await this.#take(incoming);
    } catch (error) {
      this.#options.log.debug("a presence could not be answered", { error });
    }
  }

  async #take(incoming: Incoming): Promise<void> {
    const { stanza, from, to } = incoming;
    const jid = bareJid(from);
    const { type } = stanza.attrs;
    if (type === "error") {
      const seen = this.#seen.get(jid);
      if (seen !== undefined) seen.isUnreachable = true;
      return;
    }
    if (to.kind === "nobody") return this.#refuse(incoming, jid);
    if (isGateway(to)) return this.#atGateway(incoming, jid, type, from.resource);
    return this.#atContact(incoming, jid, type);
  }

  /** Where nobody is, and where nobody may be seen. */
  #refuse({ stanza, to }: Incoming, jid: string): void {
    const { type } = stanza.attrs;
    if (type !== "subscribe" && type !== "probe") return;
    const from = to.kind === "nobody" ? stanza.attrs["to"]?.split("/")[0] : this.#jidOf(to);
    this.#options.send(element("presence", "", { type: "unsubscribed", from, to: jid }));
  }

  async #atGateway(
    incoming: Incoming,
    jid: string,
    type: string | undefined,
    resource: string,
  ): Promise<void> {
    const { people, consents, send } = this.#options;
    const { stanza, to } = incoming;
    const from = this.#jidOf(to);
    const account = await people.account(jid);
    if (account === undefined) {
      // An account is in no list of services: people must be able to add it before they are anybody here.
      if (type === "subscribe" && people.space.isAccount)
        return void send(element("presence", "", { type: "subscribed", from, to: jid }));
      if (type === "subscribe") send(errorOf(stanza, { condition: "registration-required" }));
      if (type === "subscribe" || type === "unsubscribe" || type === "probe")
        send(element("presence", "", { type: "unsubscribed", from, to: jid }));
      return;
    }
    switch (type) {
      case "subscribe":
        send(element("presence", "", { type: "subscribed", from, to: jid }));
        if (!consents.has(jid)) send(element("presence", "", { type: "subscribe", from, to: jid }));
        this.#consented(jid);
        await this.#show(to, jid, jid);
        return;
      case "subscribed":
        this.#consented(jid);
        return;
      case "unsubscribe":
      case "unsubscribed":
        if (consents.has(jid)) await people.bank.suspect({ jid, why: "unsubscribed" });
        consents.delete(jid);
        if (type === "unsubscribed") return;
        send(element("presence", "", { type: "unsubscribed", from, to: jid }));
        send(element("presence", "", { type: "unavailable", from, to: jid }));
        return;
      case "probe":
        if (consents.has(jid)) await this.#show(to, jid, jid);
        else send(element("presence", "", { type: "unsubscribed", from, to: jid }));
        return;
      case "unavailable":
        return this.#wentOffline(jid, resource, stanza.attrs["from"] ?? jid);
      case undefined:
        return this.#cameOnline(jid, resource);
      default:
        return;
    }
  }

  #consented(jid: string): void {
    const { consents } = this.#options;
    // Before, he was shown nothing.
    if (!consents.has(jid)) this.#shownAll.delete(jid);
    consents.add(jid);
  }

  async #cameOnline(jid: string, resource: string): Promise<void> {
    const seen = this.#seen.get(jid) ?? {
      resources: new Set(),
      shown: new Map(),
      isUnreachable: false,
      isSettling: false,
    };
    this.#seen.set(jid, seen);
    // Who was out of reach has missed what was shown meanwhile.
    const isFirst = seen.resources.size === 0 || seen.isUnreachable;
    if (seen.resources.size < RESOURCES_MAX) seen.resources.add(resource);
    seen.isUnreachable = false;
    if (isFirst) await this.#showSoon(jid);
  }

  /** At once, and then not for a moment: each time all whom he follows are asked for. */
  async #showSoon(jid: string): Promise<void> {
    const { clock, log } = this.#options;
    const nowMs = clock.monotonicMs();
    const last = this.#shownAll.get(jid);
    if (last === undefined || last.atMs + SETTLE_MS <= nowMs) {
      this.#shownAll.set(jid, { atMs: nowMs, isDue: false });
      await this.#showAll(jid, jid);
      await this.#options.people.bank.seen({ jids: [jid] });
      return;
    }
    if (last.isDue) return;
    last.isDue = true;
    clock.after(
      last.atMs + SETTLE_MS - nowMs,
      () => {
        last.isDue = false;
        if (this.#seen.get(jid) === undefined) return;
        this.#showSoon(jid).catch((error) => log.debug("a presence could not be shown again", { error }));
      },
      { background: true },
    );
  }

  async #wentOffline(jid: string, resource: string, full: string): Promise<void> {
    const seen = this.#seen.get(jid);
    if (seen === undefined || !seen.resources.delete(resource) || seen.resources.size > 0) return;
    this.#seen.delete(jid);
    for (const entity of await this.#followed(jid))
      this.#options.send(
        element("presence", "", { type: "unavailable", from: this.#jidOf(entity), to: full }),
      );
  }

  async #atContact(incoming: Incoming, jid: string, type: string | undefined): Promise<void> {
    const { people, send } = this.#options;
    const { to } = incoming;
    const from = this.#jidOf(to);
    const account = await people.account(jid);
    const who = partyOfEntity(to);
    if (type === "unsubscribe") {
      send(element("presence", "", { type: "unsubscribed", from, to: jid }));
      if (account !== undefined && who !== undefined) await people.bank.contact({ jid, who, isKept: false });
      return;
    }
    if (type !== "subscribe" && type !== "probe") return;
    if (account === undefined || who === undefined) return this.#refuse(incoming, jid);
    const sight = await this.#options.sightings.of(to, account, jid);
    if (sight === undefined) return this.#refuse(incoming, jid);
    if (type === "probe") {
      if (await this.#isFollowed(jid, who)) send(sight);
      else this.#refuse(incoming, jid);
      return;
    }
    await people.bank.contact({ jid, who, isKept: true });
    send(element("presence", "", { type: "subscribed", from, to: jid }));
    send(sight);
  }

  async #isFollowed(jid: string, who: PartyWord): Promise<boolean> {
    const { contacts } = await this.#options.people.bank.contacts({ jid });
    return contacts.some((party) => isSame(party, who));
  }

  /** After a change of balance, name or settings: soon, and not more often than every five seconds. */
  changed(jid: string): void {
    const { clock, consents } = this.#options;
    const seen = this.#seen.get(jid);
    if (seen === undefined || seen.isSettling || seen.isUnreachable || !consents.has(jid)) return;
    seen.isSettling = true;
    clock.after(
      SETTLE_MS,
      () => {
        seen.isSettling = false;
        void this.#showChange(jid);
      },
      { background: true },
    );
  }

  /** Bank or chain are otherwise: whoever is there sees it, not all in one moment. */
  outlookChanged(): void {
    this.#options.clock.after(
      SETTLE_MS,
      () => {
        const turn = this.#announcements;
        const online = this.#seen.keys().filter((jid) => this.#options.consents.has(jid));
        const cost = this.#options.people.space.gateways.length;
        void this.#paced(
          online,
          cost,
          () => turn === this.#announcements,
          (jid) => this.#showChange(jid),
        );
      },
      { background: true },
    );
  }

  /** `isNews`: only what is not the same as he sees already. */
  async #showChange(jid: string, isNews = true): Promise<void> {
    try {
      for (const entity of this.#options.people.space.gateways) await this.#show(entity, jid, jid, isNews);
    } catch (error) {
      this.#options.log.debug("a presence could not be renewed", { error });
    }
  }

  /** The first words to somebody who has just registered: one question, whatever else there is. */
  greet(jid: string, status: string): void {
    this.#options.consents.add(jid);
    const { send, people } = this.#options;
    const from = people.space.jidOf(ALIAS);
    const nick = element("nick", NS.nick, {}, "Bitcoin");
    send(
      element("presence", "", { type: "subscribe", from, to: jid }, element("status", "", {}, status), nick),
    );
  }

  /**
   * The server's roster has us by itself: no question is needed. Presence of a contact that a client's list is just taking in
   * is dropped by some, and converse.js hears no other from then on, so it comes a moment later.
   */
  async welcome(jid: string): Promise<void> {
    const { consents, send, people, clock } = this.#options;
    consents.add(jid);
    await this.#pause(LISTED_MS);
    await this.#showChange(jid, false);
    // Where that was too early.
    clock.after(SETTLE_MS, () => void this.#showChange(jid, false), { background: true });
    // Nobody has told us that he is here: his server does, when it is asked.
    send(element("presence", "", { type: "probe", from: people.space.jidOf(ALIAS), to: jid }));
  }

  /** The server's list has a contact by itself, or he is asked whether it may come. */
  async followed(jid: string, contact: Entity, isListed: boolean): Promise<void> {
    if (!isListed) {
      this.#options.send(element("presence", "", { type: "subscribe", from: this.#jidOf(contact), to: jid }));
      return;
    }
    await this.#pause(LISTED_MS);
    await this.#show(contact, jid, jid);
  }

  /** A contact that is none any more. */
  parted(jid: string, contact: Entity): void {
    for (const type of PARTING)
      this.#options.send(element("presence", "", { type, from: this.#jidOf(contact), to: jid }));
  }

  /** All that somebody has of us goes, as he has. */
  async farewell(jid: string, contacts: readonly Entity[]): Promise<void> {
    this.#options.consents.delete(jid);
    this.#seen.delete(jid);
    this.#shownAll.delete(jid);
    for (const entity of [...this.#options.people.space.gateways, ...contacts]) this.parted(jid, entity);
  }

  /**
   * The link is new: nobody knows who is online. All are asked, not all in one moment; who answers sees us then, and who does
   * not, because he may not be seen or is away, gets our presence after the others.
   */
  async announce(isStillOnline: () => boolean): Promise<void> {
    this.#seen.clear();
    this.#shownAll.clear();
    const { consents, send, people } = this.#options;
    const turn = ++this.#announcements;
    const from = people.space.jidOf(ALIAS);
    // Otherwise another link has begun anew.
    const isMeant = () => isStillOnline() && turn === this.#announcements;
    await this.#paced(consents.all(), 1, isMeant, (jid) =>
      send(element("presence", "", { type: "probe", from, to: jid })),
    );
    await this.#pause(SETTLE_MS);
    const silent = [...consents.all()].filter((jid) => this.#seen.get(jid) === undefined);
    await this.#paced(silent, people.space.gateways.length, isMeant, (jid) => this.#showChange(jid, false));
  }

  /** `cost`: how many stanzas each of them is. */
  async #paced(
    jids: Iterable<string>,
    cost: number,
    isMeant: () => boolean,
    tell: (jid: string) => unknown,
  ): Promise<void> {
    let sent = 0;
    for (const jid of jids) {
      if (!isMeant()) return;
      if (sent + cost > PACE) {
        await this.#pause(PACE_MS);
        sent = 0;
      }
      await tell(jid);
      sent += cost;
    }
  }

  /** We go: whoever sees us is told. */
  shutDown(): void {
    const { consents, people, send } = this.#options;
    for (const jid of consents.all()) {
      const status = element("status", "", {}, textsOf(undefined).statusShutdown);
      for (const entity of people.space.gateways)
        send(
          element("presence", "", { type: "unavailable", from: people.space.jidOf(entity), to: jid }, status),
        );
    }
  }

  async #followed(jid: string): Promise<Entity[]> {
    return [...this.#options.people.space.gateways, ...(await this.contacts(jid))];
  }

  /** Those of the contacts of a person whom he can see. */
  async contacts(jid: string): Promise<Entity[]> {
    const { bank, space } = this.#options.people;
    return space.isAccount ? [] : (await bank.contacts({ jid })).contacts.flatMap(entityOf);
  }

  async #showAll(jid: string, to: string): Promise<void> {
    if (!this.#options.consents.has(jid)) return;
    for (const entity of await this.#followed(jid)) await this.#show(entity, jid, to);
  }

  async #show(entity: Entity, jid: string, to: string, isNews = false): Promise<void> {
    const { people, sightings, send } = this.#options;
    const account = await people.account(jid);
    if (account === undefined) return;
    const sight = await sightings.of(entity, account, to);
    if (sight === undefined) return;
    const shown = this.#seen.get(jid)?.shown;
    const who = this.#jidOf(entity);
    const what = `${childTextOf(sight, "show", "") ?? ""} ${childTextOf(sight, "status", "") ?? ""}`;
    if (isNews && shown?.get(who) === what) return;
    shown?.set(who, what);
    send(sight);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve, { background: true }));
  }

  #jidOf(entity: Entity): string {
    return this.#options.people.space.jidOf(entity);
  }
}

function isSame(party: LedgerParty, who: PartyWord): boolean {
  if ("address" in who) return party.address === who.address;
  if ("username" in who) return party.username?.toLowerCase() === who.username.toLowerCase();
  return party.jid === who.jid;
}
