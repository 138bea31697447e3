/** A person with a chat client (`@xmpp/client`) at a test's XMPP server: says things, asks things, remembers what came. */
import { client, type XmppClient } from "@xmpp/client";
import type { XmppElement } from "@xmpp/connection-tcp";
import { childOf, childTextOf, type Element } from "../../../actors/gateway/xmpp/link/element.ts";
import { toClientElement } from "../../../actors/gateway/xmpp/link/stream/client-element.ts";
import { fromWire } from "../../../actors/gateway/xmpp/link/wire-element.ts";
import { waitFor } from "../wait-for.ts";
import { type Prosody, XMPP_DOMAIN } from "./prosody.ts";

const PAUSE_MS = 1_500;

export class Person {
  readonly jid: string;
  readonly received: Element[] = [];
  readonly #client: XmppClient;
  #asked = 0;

  private constructor(name: string, prosody: Prosody, resource: string) {
    this.jid = `${name}@${XMPP_DOMAIN}`;
    this.#client = client({
      service: `xmpp://127.0.0.1:${prosody.clientPort}`,
      domain: XMPP_DOMAIN,
      username: name,
      password: `pw-${name}`,
      resource,
    });
    this.#client.on("error", () => undefined);
    this.#client.on("stanza", (wire: XmppElement) => {
      const stanza = fromWire(wire);
      if (stanza !== undefined) this.received.push(stanza);
    });
  }

  static async online(name: string, prosody: Prosody, resource = "phone"): Promise<Person> {
    const person = new Person(name, prosody, resource);
    await person.#client.start();
    // The library loses count when presences come while it begins to count.
    if (prosody.isCounting) await waitFor("the counting", () => person.#client.streamManagement.enabled);
    await person.send({ name: "presence", ns: "", attrs: {}, children: [] });
    return person;
  }

  async send(stanza: Element): Promise<void> {
    await this.#client.send(toClientElement(stanza));
  }

  /** What was said in a chat, and the text of the next answer that comes from there, or why it did not get there. */
  async chat(to: string, body: string): Promise<string> {
    const before = this.received.length;
    const id = `m${++this.#asked}`;
    await this.send({
      name: "message",
      ns: "",
      attrs: { to, type: "chat", id },
      children: [{ name: "body", ns: "", attrs: {}, children: [body] }],
    });
    // What the door tells by itself may come in between, and has ids of their own kinds.
    const isAnswer = (one: Element) => isSaidBy(to, one) && !/^(?:ev|mx|wait)-/.test(one.attrs["id"] ?? "");
    // While nobody is behind the door, the server itself sends it back.
    const isSentBack = ({ name, attrs }: Element) =>
      name === "message" && attrs["type"] === "error" && attrs["id"] === id;
    const answer = await this.first((one) => isSentBack(one) || isAnswer(one), before);
    return isSentBack(answer)
      ? `not delivered: ${conditionOf(answer)}`
      : (childTextOf(answer, "body", "") ?? "");
  }

  /** Says it until the answer is one that is waited for, as somebody would whose bank is just dying; no word of it is carried out twice. */
  async chatUntil(to: string, words: string, wanted: RegExp): Promise<string> {
    let answer = "";
    await waitFor(`${wanted} as an answer to "${words}"`, async () => {
      answer = await this.chat(to, words);
      if (wanted.test(answer)) return true;
      // Who asks too often is not answered.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      return false;
    });
    return answer;
  }

  /** The text of the first message from there, of those that came after the first `before` stanzas. */
  async textFrom(from: string, before = 0): Promise<string> {
    const stanza = await this.first((one) => isSaidBy(from, one), before);
    return childTextOf(stanza, "body", "") ?? "";
  }

  async first(isWanted: (stanza: Element) => boolean, before = 0): Promise<Element> {
    await waitFor("a stanza", () => this.received.slice(before).some(isWanted));
    return this.received.slice(before).find(isWanted) as Element;
  }

  /** Asks, and gives the whole answer. */
  async ask(to: string, type: "get" | "set", payload: Element): Promise<Element> {
    const id = `q${++this.#asked}`;
    await this.send({ name: "iq", ns: "", attrs: { to, type, id }, children: [payload] });
    return this.first(({ name, attrs }) => name === "iq" && attrs["id"] === id && attrs["from"] === to);
  }

  async offline(): Promise<void> {
    this.#client.reconnect.stop();
    await this.#client.stop();
  }
}

export function conditionOf(answer: Element): string | undefined {
  const error = childOf(answer, "error", "");
  const [condition] = error?.children ?? [];
  return typeof condition === "string" ? undefined : condition?.name;
}

function isSaidBy(from: string, one: Element): boolean {
  const isMessage = one.name === "message" && bare(one.attrs["from"]) === from;
  return isMessage && childTextOf(one, "body", "") !== undefined;
}

function bare(jid: string | undefined): string {
  return jid?.split("/")[0] ?? "";
}
