/** The places of the gateway's tree that anybody may see. */
import type { AddressSpace } from "../names/entity.ts";
import type { Question } from "../router/question.ts";
import type { Abilities } from "./caps.ts";
import { type DiscoItem, type DiscoTree, isGateway } from "./disco.ts";

export class GatewayTree implements DiscoTree {
  readonly #space: AddressSpace;

  constructor(space: AddressSpace) {
    this.#space = space;
  }

  async abilities(): Promise<Abilities | undefined> {
    return undefined;
  }

  async items({ to }: Question, node: string | undefined): Promise<readonly DiscoItem[] | undefined> {
    if (!isGateway(to) || node !== undefined) return undefined;
    return [{ jid: this.#space.jidOf({ kind: "alias" }), name: "Bitcoin" }];
  }
}
