/** Service discovery: what an entity is and can do, and what is below it. */
import type { Element } from "../link/element.ts";
import { element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import type { Entity } from "../names/entity.ts";
import type { Question } from "../router/question.ts";
import { notFound } from "../router/stanza-error.ts";
import { type Abilities, CAPS_NODE, capsHash, infoElement } from "./caps.ts";

export interface DiscoItem {
  readonly jid: string;
  readonly node?: string;
  readonly name: string;
}

/** What stands behind a place of the tree; undefined where the asker may see nothing. */
export interface DiscoTree {
  abilities(question: Question, node: string | undefined): Promise<Abilities | undefined>;
  items(question: Question, node: string | undefined): Promise<readonly DiscoItem[] | undefined>;
}

export class Disco {
  readonly #tree: DiscoTree;
  readonly #gateway: Abilities;

  constructor(tree: DiscoTree, gateway: Abilities) {
    this.#tree = tree;
    this.#gateway = gateway;
  }

  async info(question: Question): Promise<readonly Element[] | undefined> {
    if (question.isSet || question.payload.name !== "query") return undefined;
    const { node } = question.payload.attrs;
    const plain = node?.startsWith(`${CAPS_NODE}#`) ? undefined : node;
    const abilities =
      isGateway(question.to) && plain === undefined
        ? this.#gateway
        : await this.#tree.abilities(question, plain);
    if (abilities === undefined) throw notFound();
    if (node !== plain && node !== `${CAPS_NODE}#${capsHash(abilities)}`) throw notFound();
    return [infoElement(abilities, node)];
  }

  async items(question: Question): Promise<readonly Element[] | undefined> {
    if (question.isSet || question.payload.name !== "query") return undefined;
    const { node } = question.payload.attrs;
    const items = await this.#tree.items(question, node);
    if (items === undefined) throw notFound();
    return [
      element(
        "query",
        NS.discoItems,
        { node },
        ...items.map(({ jid, node: below, name }) =>
          element("item", NS.discoItems, { jid, node: below, name }),
        ),
      ),
    ];
  }
}

export function isGateway({ kind }: Entity): boolean {
  return kind === "gateway" || kind === "alias";
}
