/** What each entity's presence says to one person: balance, label, share; nothing of others. */
import type { LedgerAccount } from "../../../../bus/contracts/ledger/objects.ts";
import { partyOfEntity } from "../commands/party.ts";
import { percent } from "../commands/wallet-commands.ts";
import { contactAbilities, gatewayAbilities } from "../disco/abilities.ts";
import { capsElement } from "../disco/caps.ts";
import { isGateway } from "../disco/disco.ts";
import type { Pictures } from "../disco/pictures.ts";
import { money } from "../language/money.ts";
import { textsOf } from "../language/texts.ts";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import type { Entity } from "../names/entity.ts";
import type { Outlook } from "../outlook.ts";
import type { People } from "../people/people.ts";
import { presenceDetailOf } from "./presence-detail.ts";

/** Enough to know whether it is much or little. */
const ROUNDED_SAT = 100_000;

export interface SightingsOptions {
  readonly people: People;
  readonly pictures: Pictures;
  readonly homeDomain: string;
  readonly outlook: Outlook;
}

export class Sightings {
  readonly #options: SightingsOptions;

  constructor(options: SightingsOptions) {
    this.#options = options;
  }

  /** Undefined where there is nothing to be seen for this person. */
  async of(entity: Entity, account: LedgerAccount, to: string): Promise<Element | undefined> {
    const { people, outlook } = this.#options;
    const from = people.space.jidOf(entity);
    const texts = textsOf(account.settings.language);
    if (isGateway(entity)) {
      const status = [outlook.words(texts), this.#balance(account)].filter((part) => part !== "").join(" ");
      return presence(from, to, status, outlook.show, capsElement(gatewayAbilities(people.space)));
    }
    const what = partyOfEntity(entity);
    if (what === undefined) return undefined;
    const { party, own } = await people.bank.lookup({ jid: account.jid, what });
    if (entity.kind !== "address") {
      if (party?.username == null) return undefined;
      return presence(from, to, "", undefined, capsElement(contactAbilities(party.username)));
    }
    const status =
      own === null
        ? ""
        : texts.ownAddress(
            own.label,
            money(own.receivedSat, account.settings.unit),
            percent(own.sharePermille),
          );
    const photo = element(
      "photo",
      NS.vcardUpdate,
      {},
      this.#options.pictures.avatarOf(`bitcoin:${entity.address}`).hash,
    );
    return presence(
      from,
      to,
      status,
      undefined,
      capsElement(contactAbilities(entity.address)),
      element("x", NS.vcardUpdate, {}, photo),
    );
  }

  #balance(account: LedgerAccount): string {
    const { availableSat, settings } = account;
    switch (presenceDetailOf(account, this.#options.homeDomain)) {
      case "exact":
        return money(availableSat, settings.unit);
      case "rounded":
        return `≈ ${money(Math.round(availableSat / ROUNDED_SAT) * ROUNDED_SAT, settings.unit)}`;
      default:
        return "";
    }
  }
}

/** Neither a type nor `online`: servers drop what RFC 6121 does not know. */
function presence(
  from: string,
  to: string,
  status: string,
  show: string | undefined,
  ...content: readonly Element[]
): Element {
  return element(
    "presence",
    "",
    { from, to },
    show === undefined ? undefined : element("show", "", {}, show),
    status === "" ? undefined : element("status", "", {}, status),
    ...content,
  );
}
