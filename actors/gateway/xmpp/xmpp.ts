/** The XMPP door's parts, put together, started and stopped. Wiring only. */
import type { ActorContext } from "../../../bus/actor.ts";
import type { Listener } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { ledgerContract } from "../../../bus/contracts/ledger.ts";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import { takerContract } from "../../../bus/contracts/taker.ts";
import { withDeadline } from "../../../runtime/limits.ts";
import { AdHoc } from "./adhoc/adhoc.ts";
import { Chat } from "./chat/chat.ts";
import { Messages } from "./chat/messages.ts";
import { Workers } from "./commands/operator/workers.ts";
import type { XmppConfig } from "./config.ts";
import { gatewayAbilities } from "./disco/abilities.ts";
import { Disco } from "./disco/disco.ts";
import { Facts } from "./disco/facts.ts";
import { Pictures } from "./disco/pictures.ts";
import { GatewayTree } from "./disco/tree.ts";
import { Vcards } from "./disco/vcards.ts";
import { XmppDoor } from "./door.ts";
import { Admission } from "./guard/admission.ts";
import { refusalOf } from "./language/refusals.ts";
import { addLanguages, STANDARD_LANGUAGE, textsOf } from "./language/texts.ts";
import type { Element } from "./link/element.ts";
import { LastingLink } from "./link/lasting-link.ts";
import { NS } from "./link/namespaces.ts";
import type { StanzaProblem } from "./link/replies.ts";
import type { LinkEars, LinkFault, LinkState, XmppLink } from "./link/xmpp-link.ts";
import { Members } from "./members.ts";
import { allowing } from "./names/allowed.ts";
import { bareJid, type Jid } from "./names/jid.ts";
import { CoinjoinProgress } from "./notices/coinjoin-progress.ts";
import { Notices } from "./notices/notices.ts";
import { ToldByAnswer } from "./notices/told-by-answer.ts";
import { Outlook } from "./outlook.ts";
import { People } from "./people/people.ts";
import { Consents } from "./presence/consents.ts";
import { Presence } from "./presence/presence.ts";
import { Roster } from "./presence/roster.ts";
import { Sightings } from "./presence/sightings.ts";
import { Registration } from "./register/registration.ts";
import { IqRouter } from "./router/iq-router.ts";
import type { Answerer } from "./router/question.ts";
import { standingOf } from "./standing.ts";
import { Uploads } from "./uploads/uploads.ts";
import { Tickets } from "./web/tickets.ts";
import { WebCommands } from "./web/web-commands.ts";

const FAULTS: Readonly<Record<LinkFault, string>> = {
  unreachable: "the XMPP server cannot be reached; it is tried again",
  refused:
    "the XMPP server refuses the secret or password in xmpp_secret_file; set the same one on both sides",
  "unknown-domain":
    "the XMPP server knows nothing of the domain in xmpp_domain or xmpp_account; add it to its configuration",
  conflict:
    "another program is connected to the XMPP server under our name; stop it, and take a new secret or password",
  insecure:
    "the XMPP server offers no encryption with a certificate for its domain, or no safe way to prove the password; nothing was told to it",
  lost: "the connection to the XMPP server is lost; it is tried again",
  silent: "the XMPP server has fallen silent; it is tried again",
  hostile: "what came from the XMPP server is no XML that may be there; it is tried again",
};

/** All shapes of the door end within this when it is closed. */
const DRAIN_MS = 1_000;

export class Xmpp {
  readonly #context: ActorContext<XmppConfig>;
  readonly #door: XmppDoor;
  readonly #address: string;
  /** The JID under which it is found. */
  readonly #self: string;
  readonly #people: People;
  readonly #presence: Presence;
  readonly #outlook: Outlook;
  readonly #roster: Roster;
  readonly #members: Members;
  readonly #notices: Notices;
  readonly #progress: CoinjoinProgress;
  /** The same commands for programs, where there is a door for them. */
  readonly web: WebCommands | undefined;
  readonly #registration: Registration;
  readonly #adHoc: AdHoc;
  readonly #vcards: Vcards;
  readonly #uploads: Uploads;
  readonly #listeners: Listener[] = [];

  /** A test may give its own link. Throws `GATEWAY_XMPP_UNSET`, `GATEWAY_XMPP_LANGUAGE`, or why the secret cannot be read. */
  constructor(context: ActorContext<XmppConfig>, linkOf?: (ears: LinkEars) => XmppLink) {
    const { bus, clock, log, config, version } = context;
    const { space, parentDomain, stream } = standingOf(context);
    addLanguages(config.xmpp_languages);
    this.#context = context;
    this.#self = space.jidOf({ kind: "gateway" });
    this.#address = config.xmpp_server;
    const send = (stanza: Element) => this.#door.link.send(stanza);
    const bank = bus.client(ledgerContract);
    const workers = new Workers({ bus, host: context.host, clock, log });
    const web = config.xmpp_http_listen === "" ? undefined : new Tickets(clock, config.xmpp_http_url);
    const explorerUrl = config.xmpp_explorer_url;
    const toldByAnswer = new ToldByAnswer();
    const outlook = new Outlook(() => this.#presence.outlookChanged());
    this.#outlook = outlook;
    const people = new People({
      ...{ bank, workers, web, toldByAnswer, outlook, space, clock, explorerUrl },
      homeDomain: parentDomain,
      follow: (jid, contact, isKept) => this.#members.followed(jid, contact, isKept),
    });
    this.#people = people;
    const pictures = new Pictures();
    const sightings = new Sightings({ people, pictures, homeDomain: parentDomain, outlook });
    const consents = new Consents(context.dataDirectory, log);
    this.#presence = new Presence({ people, sightings, consents, clock, log, send });
    this.#roster = new Roster({
      domain: space.domain,
      parentDomain,
      group: config.xmpp_roster_group,
      log,
      request: (iq) => this.#door.link.request(iq),
    });
    this.#members = new Members({ people, presence: this.#presence, roster: this.#roster, send, log });
    const sender = space.jidOf({ kind: "alias" });
    this.#notices = new Notices({ bank, clock, log, sender, send, toldByAnswer });
    const changed = (jid: string) => this.#members.changed(jid);
    this.web = web === undefined ? undefined : new WebCommands({ people, tickets: web, clock, log, changed });
    this.#progress = new CoinjoinProgress({
      ...{ people, workers, clock, log, send, sender },
      operators: config.bank_operators.map((jid) => jid.normalize("NFC").toLowerCase()),
    });
    this.#registration = new Registration({
      people,
      changed,
      registered: (jid, welcome) => this.#members.registered(jid, welcome),
      removed: (jid) => this.#members.removed(jid),
    });
    this.#adHoc = new AdHoc({
      people,
      pictures,
      clock,
      changed,
      registered: (jid) => this.#members.registered(jid),
    });
    this.#vcards = new Vcards({ people, pictures, version });
    const chat = new Chat({
      people,
      clock,
      log,
      changed,
      registered: (jid) => this.#members.registered(jid),
    });
    this.#uploads = new Uploads({
      self: this.#self,
      serverDomain: parentDomain,
      log,
      request: (iq) => this.#door.link.request(iq),
    });
    const messages = new Messages({
      chat,
      clock,
      send,
      linkOf: async (code) => {
        const picture = pictures.codeOf(code);
        return (await this.#uploads.linkOf(picture)) ?? web?.show(picture.png);
      },
      received: (from, id) => this.#notices.received(from, id),
    });
    const router = new IqRouter({
      answerers: this.#answerers(new Facts({ clock, version })),
      explain: (error, from) => this.#explain(error, from),
      log,
    });
    const isAllowed = allowing({
      parentDomain,
      domains: config.xmpp_allow_domains,
      jids: config.xmpp_allow_jids,
    });
    this.#door = new XmppDoor({
      link: (ears) =>
        linkOf?.(ears) ??
        new LastingLink({
          stream,
          self: this.#self,
          serverDomain: space.isAccount ? space.domain : parentDomain,
          clock,
          log,
          random: Math.random,
          ears,
        }),
      space,
      parentDomain,
      admission: new Admission({
        ...{ clock, ownServer: parentDomain },
        isAllowed: (from) => !space.has(from) && isAllowed(from),
      }),
      handlers: {
        iq: async ({ stanza, from, to }) => {
          send(await router.answer(stanza, from, to));
        },
        presence: (incoming) => void this.#presence.take(incoming),
        message: (incoming) => void messages.take(incoming),
        server: (stanza) => this.#roster.hear(stanza),
        state: (state, fault) => this.#stateChanged(state, fault),
      },
    });
  }

  get doors(): readonly Door[] {
    return [
      {
        name: "xmpp",
        address: `xmpp:${this.#self}`,
        doc: `Chat clients, by the XMPP server at ${this.#address}.`,
      },
    ];
  }

  /** Does not wait for the server, which may come later. */
  async open(): Promise<void> {
    const { bus } = this.#context;
    const everything = { onGap: () => this.#notices.look() };
    this.#listeners.push(
      await bus.onEvent(ledgerContract, "noticed", () => this.#notices.look(), everything),
      await bus.onEvent(ledgerContract, "account.changed", ({ jid }) => this.#members.changed(jid)),
      await bus.onEvent(takerContract, "run.changed", (run) => this.#progress.changed(run)),
      await bus.onState(ledgerContract, "bank", (status) => this.#outlook.bankIs(status)),
      await bus.onState(indexerContract, "sync", (sync) => this.#outlook.chainIs(sync)),
    );
    this.#door.link.start();
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners.splice(0)) await listener.stop();
    this.#notices.offline();
    this.#progress.close();
    this.#presence.shutDown();
    await withDeadline(this.#context.clock, this.#door.link.close(), 2 * DRAIN_MS).catch(() => undefined);
  }

  #answerers(facts: Facts): ReadonlyMap<string, Answerer> {
    const disco = new Disco(new GatewayTree(this.#people), gatewayAbilities(this.#people.space));
    const fact: Answerer = ({ payload, isSet }) => {
      const answer = isSet ? undefined : facts.answer(payload);
      return answer === "empty" ? [] : answer === undefined ? undefined : [answer];
    };
    return new Map<string, Answerer>([
      [NS.discoInfo, (question) => disco.info(question)],
      [NS.discoItems, (question) => disco.items(question)],
      [NS.register, (question) => this.#registration.answer(question)],
      [NS.gateway, (question) => this.#registration.prompt(question)],
      [NS.commands, (question) => this.#adHoc.answer(question)],
      [NS.bob, (question) => this.#adHoc.bits(question)],
      [NS.vcard, (question) => this.#vcards.vcard(question)],
      [NS.vcard4, (question) => this.#vcards.vcard4(question)],
      [NS.pubsub, (question) => this.#vcards.items(question)],
      [NS.ping, fact],
      [NS.last, fact],
      [NS.version, fact],
      [NS.time, fact],
    ]);
  }

  #explain(error: unknown, from: Jid): StanzaProblem | undefined {
    const settings = this.#people.glance(bareJid(from))?.settings;
    const language = settings?.language ?? STANDARD_LANGUAGE;
    const refusal = refusalOf(error, textsOf(language), settings?.unit ?? "sat", this.#context.clock.now());
    return refusal === undefined ? undefined : { ...refusal, language };
  }

  #stateChanged(state: LinkState, fault: LinkFault | undefined): void {
    const { log } = this.#context;
    if (fault !== undefined) log.warn(FAULTS[fault], { server: this.#address, as: this.#self });
    if (state === "down") {
      this.#notices.offline();
      this.#roster.reset();
      this.#uploads.reset();
    }
    if (state !== "online") return;
    log.info("the XMPP server has taken us in", { as: this.#self });
    void this.#presence.announce(() => this.#door.link.state === "online");
    this.#notices.online();
    this.#progress.online();
  }
}
