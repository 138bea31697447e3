/** Cards and avatars of our entities: vcard-temp, vCard4 and the items of personal eventing that clients ask for. */
import { partyOfEntity } from "../commands/party.ts";
import { childOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import type { Entity } from "../names/entity.ts";
import { bareJid } from "../names/jid.ts";
import type { People } from "../people/people.ts";
import type { Question } from "../router/question.ts";
import { notFound } from "../router/stanza-error.ts";
import { isGateway } from "./disco.ts";
import type { Picture, Pictures } from "./pictures.ts";

export interface VcardsOptions {
  readonly people: People;
  readonly pictures: Pictures;
  readonly version: string;
}

/** What a card says of somebody. */
interface Card {
  readonly fullName?: string;
  readonly nick?: string;
  readonly url?: string;
  readonly description?: string;
  readonly picture?: Picture;
}

export class Vcards {
  readonly #options: VcardsOptions;

  constructor(options: VcardsOptions) {
    this.#options = options;
  }

  async vcard(question: Question): Promise<readonly Element[] | undefined> {
    if (question.isSet || question.payload.name !== "vCard") return undefined;
    return [vcardTemp(await this.#cardOf(question))];
  }

  async vcard4(question: Question): Promise<readonly Element[] | undefined> {
    if (question.isSet || question.payload.name !== "vcard") return undefined;
    return [vcard4(await this.#cardOf(question))];
  }

  async items(question: Question): Promise<readonly Element[] | undefined> {
    const items = childOf(question.payload, "items", NS.pubsub);
    if (question.isSet || items === undefined) return undefined;
    const card = await this.#cardOf(question);
    const item = itemOf(items.attrs["node"], card);
    if (item === undefined) throw notFound();
    return [
      element("pubsub", NS.pubsub, {}, element("items", NS.pubsub, { node: items.attrs["node"] }, item)),
    ];
  }

  async #cardOf({ to, from }: Question): Promise<Card> {
    const { pictures, people, version } = this.#options;
    if (isGateway(to)) {
      return {
        fullName: `Troupe ${version}`,
        description: "Bitcoin by chat",
        picture: pictures.avatarOf(`xmpp:${people.space.jidOf({ kind: "gateway" })}`),
      };
    }
    const jid = bareJid(from);
    const account = await people.account(jid);
    const what = partyOfEntity(to);
    // Strangers learn of nobody whether there is one.
    if (account === undefined || what === undefined) throw notFound();
    if (to.kind === "address") return await this.#addressCard(to, jid);
    const { party } = await people.bank.lookup({ jid, what });
    if (party?.username == null) throw notFound();
    return { nick: party.username, ...(party.jid === null ? {} : { fullName: party.jid }) };
  }

  async #addressCard(to: Extract<Entity, { kind: "address" }>, jid: string): Promise<Card> {
    const { people, pictures } = this.#options;
    const { own } = await people.bank.lookup({ jid, what: { address: to.address } });
    const label = own?.label ?? "";
    return {
      fullName: label === "" ? to.address : label,
      url: people.explorerUrlOf(to.address) ?? `bitcoin:${to.address}`,
      picture: pictures.avatarOf(`bitcoin:${to.address}`),
    };
  }
}

function vcardTemp({ fullName, nick, url, description, picture }: Card): Element {
  const part = (name: string, text: string | undefined) =>
    text === undefined ? undefined : element(name, NS.vcard, {}, text);
  return element(
    "vCard",
    NS.vcard,
    {},
    part("FN", fullName),
    part("NICKNAME", nick),
    part("URL", url),
    part("DESC", description),
    picture === undefined
      ? undefined
      : element(
          "PHOTO",
          NS.vcard,
          {},
          part("TYPE", "image/png"),
          part("BINVAL", picture.png.toString("base64")),
        ),
  );
}

function vcard4({ fullName, nick, url }: Card): Element {
  const part = (name: string, kind: string, text: string | undefined) =>
    text === undefined ? undefined : element(name, NS.vcard4, {}, element(kind, NS.vcard4, {}, text));
  return element(
    "vcard",
    NS.vcard4,
    {},
    part("fn", "text", fullName ?? nick),
    part("nickname", "text", nick),
    part("url", "uri", url),
  );
}

function itemOf(node: string | undefined, card: Card): Element | undefined {
  const item = (id: string, content: Element) => element("item", NS.pubsub, { id }, content);
  if (node === NS.vcard4) return item("current", vcard4(card));
  const { picture } = card;
  if (picture === undefined) return undefined;
  if (node === NS.avatarData)
    return item(picture.hash, element("data", NS.avatarData, {}, picture.png.toString("base64")));
  if (node !== NS.avatarMetadata) return undefined;
  const side = String(picture.sidePixels);
  return item(
    picture.hash,
    element(
      "metadata",
      NS.avatarMetadata,
      {},
      element("info", NS.avatarMetadata, {
        bytes: String(picture.png.length),
        id: picture.hash,
        type: "image/png",
        width: side,
        height: side,
      }),
    ),
  );
}
