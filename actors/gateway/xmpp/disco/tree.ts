/** The places of the gateway's tree: users, addresses, commands, each shown only to who may know. */

import type { LedgerParty } from "../../../../bus/contracts/ledger/objects.ts";
import { type Asking, nextPageOf, PAGE_SIZE } from "../commands/command.ts";
import { offeredCommands, titleOf } from "../commands/commands.ts";
import { partyOfEntity } from "../commands/party.ts";
import type { CommandWord } from "../language/catalogue.ts";
import { NS } from "../link/namespaces.ts";
import { bareJid } from "../names/jid.ts";
import type { People } from "../people/people.ts";
import type { Question } from "../router/question.ts";
import {
  ADDRESSES_NODE,
  commandAbilities,
  contactAbilities,
  listAbilities,
  USERS_NODE,
} from "./abilities.ts";
import type { Abilities } from "./caps.ts";
import { type DiscoItem, type DiscoTree, isGateway } from "./disco.ts";

/** So many as fit into one stanza, whatever they are called. */
const ITEMS_MAX = 100;
const NAME_MAX = 50;

export class GatewayTree implements DiscoTree {
  readonly #people: People;

  constructor(people: People) {
    this.#people = people;
  }

  async abilities(question: Question, node: string | undefined): Promise<Abilities | undefined> {
    const asking = await this.#asking(question);
    const { texts, account } = asking;
    if (node === NS.commands) return listAbilities("commands", false);
    // A command has the same name; clients that look for a list find one.
    if (isGateway(question.to) && node === USERS_NODE)
      return account?.isAdmin === true ? listAbilities(texts.usersTitle, true) : undefined;
    const command = node === undefined ? undefined : commandAt(asking, node);
    if (command !== undefined) return commandAbilities(titleOf(command, asking));
    if (isGateway(question.to)) return undefined;
    const { to } = asking;
    const party = await this.#visibleParty(asking);
    if (party === undefined) return undefined;
    if (node === undefined)
      return contactAbilities(to.kind === "address" ? to.address : (party.username ?? ""));
    const isKnown = to.kind !== "address" && (asking.isOwn || account?.isAdmin === true);
    const title = asking.isOwn ? texts.addressesTitle : texts.addressesOf(party.username ?? "");
    return node === ADDRESSES_NODE && isKnown ? listAbilities(title, false) : undefined;
  }

  async items(question: Question, node: string | undefined): Promise<readonly DiscoItem[] | undefined> {
    const asking = await this.#asking(question);
    const { texts, account, space, to } = asking;
    if (node === NS.commands) return this.#commands(asking, question.iq.attrs["to"] ?? space.jidOf(to));
    if (isGateway(to)) {
      if (space.isAccount) return node === undefined ? [] : undefined;
      if (node === USERS_NODE) return account?.isAdmin === true ? this.#users(asking) : undefined;
      if (node !== undefined) return undefined;
      const items: DiscoItem[] = [{ jid: space.jidOf({ kind: "alias" }), name: "Bitcoin" }];
      if (account !== undefined)
        items.push({ jid: selfJid(asking), node: ADDRESSES_NODE, name: texts.addressesTitle });
      if (account?.isAdmin) items.push({ jid: space.domain, node: USERS_NODE, name: texts.usersTitle });
      return items;
    }
    const party = await this.#visibleParty(asking);
    if (party === undefined) return undefined;
    // More than the name only its person and admins may know.
    const name = party.username;
    const isKnown = name !== null && (asking.isOwn || account?.isAdmin === true);
    if (node === ADDRESSES_NODE)
      return !isKnown || to.kind === "address" ? undefined : this.#addresses(asking, name);
    if (node !== undefined) return undefined;
    if (!isKnown) return [];
    const user = space.jidOf({ kind: "username", username: name.toLowerCase() });
    if (to.kind === "address") return [{ jid: user, name: texts.ownerOf(name) }];
    const title = asking.isOwn ? texts.addressesTitle : texts.addressesOf(name);
    return [
      { jid: user, node: ADDRESSES_NODE, name: title },
      ...(party.jid === null ? [] : [{ jid: party.jid, name: texts.realJid }]),
    ];
  }

  /** `jid` is where they were asked for: an account has them at its full JID only. */
  #commands(asking: Asking, jid: string): DiscoItem[] {
    return offeredCommands(asking).map(({ word }) => ({
      jid,
      node: nodeOf(word),
      name: titleOf(word, asking),
    }));
  }

  /** One's own, or as an admin those of somebody. */
  async #addresses({ bank, jid, space, isOwn }: Asking, username: string): Promise<DiscoItem[]> {
    const { addresses } = isOwn
      ? await bank.addresses({ jid, limit: ITEMS_MAX })
      : await bank.user({ by: jid, user: { username } });
    return addresses.map(({ address, label }) => ({
      jid: space.jidOf({ kind: "address", address }),
      name: label === "" ? address : label.slice(0, NAME_MAX),
    }));
  }

  async #users({ bank, jid, space }: Asking): Promise<DiscoItem[]> {
    const items: DiscoItem[] = [];
    for (let page: number | undefined = 1; page !== undefined && items.length < ITEMS_MAX; ) {
      const told = await bank.users({ by: jid, offset: (page - 1) * PAGE_SIZE, limit: PAGE_SIZE });
      for (const { username } of told.users)
        items.push({
          jid: space.jidOf({ kind: "username", username: username.toLowerCase() }),
          name: username,
        });
      page = nextPageOf(page, told.total);
    }
    return items;
  }

  /** Whom the question is for, when the asker may know that there is one. */
  async #visibleParty({ to, account, jid, bank }: Asking): Promise<LedgerParty | undefined> {
    const what = partyOfEntity(to);
    if (account === undefined || what === undefined) return undefined;
    const { party } = await bank.lookup({ jid, what });
    return party === null || (party.username === null && to.kind !== "address") ? undefined : party;
  }

  #asking({ from, to, iq }: Question): Promise<Asking> {
    return this.#people.asking(bareJid(from), to, { language: iq.attrs["xml:lang"] });
  }
}

/** As clients show it and people type it; registration has the name that clients know. */
export function nodeOf(word: CommandWord): string {
  return word === "register" ? NS.register : word;
}

/** Undefined when this person is offered no such command at this place. */
export function commandAt(asking: Asking, node: string): CommandWord | undefined {
  return offeredCommands(asking).find(({ word }) => nodeOf(word) === node)?.word;
}

function selfJid({ space, account }: Asking): string {
  return space.jidOf({ kind: "username", username: account?.username.toLowerCase() ?? "" });
}
