/** The XMPP door without a wire, or over a real Prosody: a test says what comes in and looks at what comes out. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gatewayStartSection } from "../../../actors/gateway/config.ts";
import {
  childOf,
  childTextOf,
  type Element,
  element,
  elementsOf,
} from "../../../actors/gateway/xmpp/link/element.ts";
import { serialise } from "../../../actors/gateway/xmpp/link/serialise.ts";
import type { WebCommands } from "../../../actors/gateway/xmpp/web/web-commands.ts";
import { Xmpp } from "../../../actors/gateway/xmpp/xmpp.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { type Connector, silentLog } from "../../../bus/fake.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import { waitFor } from "../wait-for.ts";
import { FakeBank } from "./bank/fake-bank.ts";
import { DoorOnWire } from "./wire/prosody-wire.ts";
import type { TestedLink } from "./wire/tested-link.ts";
import { usualLink } from "./wire/wires.ts";

export const GW = "btc.example.test";
export const WALLET = `wallet@${GW}`;

export class DoorUnderTest {
  readonly clock: ManualClock;
  readonly bank: FakeBank;
  link!: TestedLink;
  /** Errors that the door has written into its log. */
  readonly errors: unknown[] = [];
  readonly #stops: (() => Promise<void> | void)[] = [];
  /** For other actors that the door asks. */
  world!: Connector;
  #xmpp!: Xmpp;
  #asked = 0;

  private constructor(clock: ManualClock, bank: FakeBank) {
    this.clock = clock;
    this.bank = bank;
  }

  /** `isWired`: with the link of the real one, to `xmpp_server`; then who stands there says what comes in. */
  static async start(
    config: Readonly<Record<string, unknown>> = {},
    isWired = false,
  ): Promise<DoorUnderTest> {
    const clock = new ManualClock(Date.UTC(2026, 10, 21));
    const linkOf = isWired ? undefined : await usualLink(clock);
    const world = await releaseWorld();
    const under = new DoorUnderTest(clock, await FakeBank.start(world));
    under.world = world;
    const directory = mkdtempSync(join(tmpdir(), "troupe-xmpp-"));
    const secretFile = join(directory, "secret");
    writeFileSync(secretFile, "s3cret", { mode: 0o600 });
    const bus = new ConnectedBus(await world.connect("gateway"), { log: silentLog(), instance: "box" });
    const quiet = silentLog();
    const log: Log = {
      ...quiet,
      error: (message, fields) => void under.errors.push({ message, ...fields }),
      child: () => log,
    };
    under.#xmpp = new Xmpp(
      contextWith({
        name: "gateway",
        config: gatewayStartSection.schema.parse({
          xmpp_server: "127.0.0.1:5347",
          xmpp_domain: GW,
          xmpp_secret_file: secretFile,
          xmpp_allow_domains: ["far.test"],
          ...config,
        }),
        bus,
        clock,
        dataDirectory: directory,
        log,
      }),
      linkOf === undefined
        ? undefined
        : (ears) => {
            under.link = linkOf(ears);
            return under.link;
          },
    );
    await under.#xmpp.open();
    if (!isWired) await waitFor("the link", () => under.link.state === "online");
    under.#stops.push(
      () => under.#xmpp.close(),
      () => bus.close(),
      () => under.bank.actor.stop(),
      () => world.stop(),
      () => rmSync(directory, { recursive: true, force: true }),
    );
    return under;
  }

  /** Throws when a server had to complain of anything. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop();
    if (this.link instanceof DoorOnWire && this.link.faults.length > 0)
      throw new Error(`what no server likes: ${this.link.faults.join("; ")}`);
  }

  /** The commands for programs. */
  get web(): WebCommands {
    const { web } = this.#xmpp;
    if (web === undefined) throw new Error("xmpp_http_listen is not set");
    return web;
  }

  get sent(): readonly Element[] {
    return this.link.sent;
  }

  /** The answer to a question of a person. */
  async ask(
    from: string,
    to: string,
    type: "get" | "set",
    payload: Element,
    attrs: Readonly<Record<string, string>> = {},
  ): Promise<Element> {
    const id = `q${++this.#asked}`;
    this.link.take(element("iq", "", { from: full(from), to, type, id, ...attrs }, payload));
    return this.next((stanza) => stanza.name === "iq" && stanza.attrs["id"] === id);
  }

  /** Says something, and gives the first answer. */
  async say(from: string, to: string, body: string, ...more: readonly Element[]): Promise<string> {
    const before = this.sent.length;
    this.tell(from, to, body, ...more);
    const reply = await this.next((stanza) => isChatTo(stanza, from), before);
    return childTextOf(reply, "body", "") ?? "";
  }

  tell(from: string, to: string, body: string, ...more: readonly Element[]): void {
    const id = `m${++this.#asked}`;
    // Patience, so that a test's people are never too fast.
    this.clock.advance(2_000);
    this.link.take(
      element(
        "message",
        "",
        { from: full(from), to, type: "chat", id },
        element("body", "", {}, body),
        ...more,
      ),
    );
  }

  presence(from: string, to: string, type?: string): void {
    this.link.take(element("presence", "", { from: full(from), to, type }));
  }

  async next(isWanted: (stanza: Element) => boolean, before = 0): Promise<Element> {
    await waitFor("a stanza", () => this.sent.slice(before).some(isWanted));
    return this.sent.slice(before).find(isWanted) as Element;
  }

  /** Until all that came before is answered: what asks the bank as often as anything does takes no less time. */
  async settled(gateway = GW): Promise<void> {
    for (let question = 0; question < 8; question++) {
      await this.ask(
        `settler${++this.#asked}@example.test`,
        gateway,
        "get",
        element("query", "jabber:iq:register"),
      );
    }
  }
}

function full(jid: string): string {
  return jid.includes("/") ? jid : `${jid}/phone`;
}

function isChatTo(stanza: Element, jid: string): boolean {
  return (
    stanza.name === "message" &&
    (stanza.attrs["to"] ?? "").startsWith(jid.split("/")[0] ?? "") &&
    childOf(stanza, "body", "") !== undefined
  );
}

/** The first element inside a stanza. */
export function payloadOf(stanza: Element): Element {
  const [payload] = elementsOf(stanza);
  if (payload === undefined) throw new Error(`there is nothing in ${serialise(stanza)}`);
  return payload;
}

/** The text of an error. */
export function errorTextOf(stanza: Element): string {
  const error = childOf(stanza, "error", "");
  return error === undefined ? "" : (childTextOf(error, "text", "urn:ietf:params:xml:ns:xmpp-stanzas") ?? "");
}
