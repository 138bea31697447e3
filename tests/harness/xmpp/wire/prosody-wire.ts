/** A real Prosody between the door and everybody else: the harness stands behind the domains of the others as components too. */
import { type Element, element } from "../../../../actors/gateway/xmpp/link/element.ts";
import type { LastingLink } from "../../../../actors/gateway/xmpp/link/lasting-link.ts";
import { NS } from "../../../../actors/gateway/xmpp/link/namespaces.ts";
import type { LinkEars, LinkState } from "../../../../actors/gateway/xmpp/link/xmpp-link.ts";
import { silentLog } from "../../../../bus/fake.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { findProgram } from "../../electrum/debian-program.ts";
import { waitFor } from "../../wait-for.ts";
import { componentLink } from "../component-link.ts";
import { COMPONENT_DOMAIN, Prosody, XMPP_DOMAIN } from "../prosody.ts";
import { assertServed, type TestedLink } from "./tested-link.ts";

/** Where the people of the tests are, and those who must not reach the door. */
const DOMAINS = [XMPP_DOMAIN, "far.test", "evil.test", "friends.test", "other.test"] as const;

/** One for all doors of a file, one after the other. */
export class ProsodyWire {
  readonly #prosody: Prosody;
  readonly #servers = new Map<string, LastingLink>();
  readonly #barriers = new Map<string, () => void>();
  #door: DoorOnWire | undefined;
  #barrierCount = 0;

  private constructor(prosody: Prosody) {
    this.#prosody = prosody;
    for (const domain of DOMAINS) {
      const ears: LinkEars = {
        stanza: (stanza) => this.#heard(domain, stanza),
        state: (_, fault) => fault !== undefined && this.#door?.fault(`the stream of ${domain} is ${fault}`),
      };
      this.#servers.set(domain, componentLink(prosody.componentPort, ears, { domain }));
    }
  }

  static async start(): Promise<ProsodyWire> {
    const program = findProgram("prosody");
    if (program === undefined) throw new Error("prosody is missing, without which these tests say nothing");
    const wire = new ProsodyWire(await Prosody.start(program, { accounts: [], components: DOMAINS }));
    for (const server of wire.#servers.values()) server.start();
    await waitFor("the servers of the others", () =>
      [...wire.#servers.values()].every(({ state }) => state === "online"),
    );
    return wire;
  }

  /** The link of a door that begins. */
  linkOf(ears: LinkEars): DoorOnWire {
    this.#door = new DoorOnWire(this, ears, this.#prosody.componentPort);
    return this.#door;
  }

  couldPut({ attrs: { from, to } }: Element): boolean {
    return this.#servers.has(domainOf(from)) && domainOf(to) === COMPONENT_DOMAIN;
  }

  /** By the server of whoever it is from. */
  put(stanza: Element): void {
    const { from } = stanza.attrs;
    const server = this.#servers.get(domainOf(from));
    if (server === undefined) throw new Error(`a server lets nobody send as “${from}”`);
    if (!server.send(stanza)) throw new Error(`the server of ${from} does not take ${stanza.name}`);
  }

  /** Until all that the door has sent before is heard. */
  async drained(): Promise<void> {
    await Promise.all(
      DOMAINS.map((domain) => {
        const id = `barrier${++this.#barrierCount}`;
        const isThrough = new Promise<void>((resolve) => void this.#barriers.set(id, resolve));
        this.put(element("message", "", { from: domain, to: domain, id }));
        return isThrough;
      }),
    );
  }

  async stop(): Promise<void> {
    this.#door = undefined;
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
    await this.#prosody.stop();
  }

  #heard(domain: string, stanza: Element): void {
    const { id = "", from, to, type } = stanza.attrs;
    const isThrough = this.#barriers.get(id);
    if (isThrough !== undefined) {
      this.#barriers.delete(id);
      return isThrough();
    }
    const isPing = type === "get" && to === domain && stanza.children.some((child) => isPingElement(child));
    if (isPing) return this.put(element("iq", "", { type: "result", id, from: to, to: from }));
    this.#door?.heard(stanza);
  }
}

function domainOf(jid = ""): string {
  return jid.replace(/\/.*$/s, "").replace(/^.*@/s, "");
}

function isPingElement(child: Element | string): boolean {
  return typeof child !== "string" && child.ns === NS.ping;
}

/** The door's own link as its own code makes it, by the time of this machine; what others have heard of it is its `sent`. */
export class DoorOnWire implements TestedLink {
  readonly sent: Element[] = [];
  /** What a server has complained of, or would. */
  readonly faults: string[] = [];
  readonly #wire: ProsodyWire;
  readonly #ears: LinkEars;
  readonly #port: number;
  #link: LastingLink;
  #isUp = false;
  #closing: Promise<void> = Promise.resolve();

  constructor(wire: ProsodyWire, ears: LinkEars, port: number) {
    this.#wire = wire;
    this.#ears = ears;
    this.#port = port;
    this.#link = this.#newLink();
  }

  get state(): LinkState {
    return this.#isUp ? this.#link.state : "down";
  }

  start(): void {
    const link = this.#newLink();
    this.#link = link;
    this.#isUp = true;
    // Who comes while the old one is still there would be refused.
    void this.#closing.then(() => this.#isUp && this.#link === link && link.start());
  }

  lose(): void {
    this.#hangUp();
    this.#ears.state("down", "lost");
  }

  send(stanza: Element): boolean {
    return this.#isUp && this.#link.send(stanza);
  }

  request(iq: Element, timeoutMs?: number): Promise<Element> {
    return this.#link.request(iq, timeoutMs);
  }

  couldTake(stanza: Element): boolean {
    return this.#wire.couldPut(stanza);
  }

  take(stanza: Element): void {
    this.#wire.put(stanza);
  }

  async close(): Promise<void> {
    this.#hangUp();
    await this.#closing;
    await this.#wire.drained();
  }

  heard(stanza: Element): void {
    this.sent.push(stanza);
    try {
      assertServed(stanza);
    } catch (error) {
      this.fault((error as Error).message);
    }
  }

  fault(what: string): void {
    this.faults.push(what);
  }

  #newLink(): LastingLink {
    const error = (message: string, fields?: object) =>
      this.fault(`${message} ${JSON.stringify(fields ?? {})}`);
    const log: Log = { ...silentLog(), error, child: () => log };
    const isCurrent = () => this.#isUp && this.#link === link;
    const ears: LinkEars = {
      stanza: (stanza) => isCurrent() && this.#ears.stanza(stanza),
      state: (state, fault) => {
        if (!isCurrent()) return;
        if (fault !== undefined) this.fault(`the door's stream is ${fault}`);
        this.#ears.state(state, fault);
      },
    };
    const link = componentLink(this.#port, ears, { log });
    return link;
  }

  #hangUp(): void {
    if (this.#isUp) this.#closing = this.#link.close();
    this.#isUp = false;
  }
}
