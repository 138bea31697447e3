/** As what the door stands before a hostile server, as a component or as an account: how it is taken in, and how it may be not. */
import type { Socket } from "node:net";
import type { Chance } from "../../electrum/hostile-input.ts";
import { accepting } from "../component-link.ts";
import { GW, WALLET } from "../door.ts";
import { acceptingAccount, BANK, hostileAccountGreeting, hostileAccountXml } from "./hostile-account.ts";
import { hostileGreeting, hostileXml } from "./hostile-wire.ts";

export interface Attacked {
  readonly config: Readonly<Record<string, unknown>>;
  /** Whom an honest person asks, and with whom he chats. */
  readonly gateway: string;
  readonly wallet: string;
  /** What is written for the one, for the other. */
  addressed(bytes: Buffer): Buffer;
  xml(chance: Chance, text: string): Buffer;
  /** An answer as a server gives it. */
  accept(socket: Socket, heard: string): void;
  isAccepted(heard: string): boolean;
  greeting(chance: Chance): (socket: Socket, heard: string) => void;
}

export const COMPONENT: Attacked = {
  config: {},
  gateway: GW,
  wallet: WALLET,
  addressed: (bytes) => bytes,
  xml: hostileXml,
  accept: accepting,
  isAccepted: (heard) => heard.includes("<handshake>"),
  greeting: hostileGreeting,
};

export const ACCOUNT: Attacked = {
  config: { xmpp_mode: "bot", xmpp_account: BANK },
  gateway: `${BANK}/troupe`,
  wallet: BANK,
  addressed(bytes) {
    // Whatever is below the component's domain is here the one account.
    const text = bytes
      .toString("latin1")
      .replaceAll(WALLET, BANK)
      .replaceAll(/ to="(?:[^"@]*@)?btc\.example\.test[^"]*"/g, ` to="${BANK}/troupe"`);
    return Buffer.from(text, "latin1");
  },
  xml: (chance, text) => (chance.below(3) === 0 ? hostileAccountXml(chance, text) : hostileXml(chance, text)),
  accept: acceptingAccount,
  isAccepted: (heard) => heard.includes("<presence"),
  greeting: hostileAccountGreeting,
};
