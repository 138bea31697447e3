/** The XMPP door's parts, put together, started and stopped. Wiring only. */
import { networkByName } from "../../../bitcoin/network.ts";
import type { ActorContext } from "../../../bus/actor.ts";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import { parseHostPort } from "../../../runtime/config/config-values.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { readSecretFile } from "../../../runtime/secret.ts";
import type { XmppConfig } from "./config.ts";
import { Disco } from "./disco/disco.ts";
import { Facts } from "./disco/facts.ts";
import { GatewayTree } from "./disco/tree.ts";
import { XmppDoor } from "./door.ts";
import { Admission } from "./guard/admission.ts";
import { ComponentLink } from "./link/component-link.ts";
import { NS } from "./link/namespaces.ts";
import type { LinkFault, LinkState } from "./link/xmpp-link.ts";
import { allowing } from "./names/allowed.ts";
import { AddressSpace } from "./names/entity.ts";
import { IqRouter } from "./router/iq-router.ts";
import type { Answerer } from "./router/question.ts";

const FAULTS: Readonly<Record<LinkFault, string>> = {
  unreachable: "the XMPP server cannot be reached; it is tried again",
  refused: "the XMPP server refuses the secret in xmpp_secret_file; set the same one on both sides",
  "unknown-domain":
    "the XMPP server knows no component of the name in xmpp_domain; add it to its configuration",
  conflict:
    "another program is connected to the XMPP server under our name; stop it, and give the component a new secret",
  lost: "the connection to the XMPP server is lost; it is tried again",
  silent: "the XMPP server has fallen silent; it is tried again",
  hostile: "what came from the XMPP server is no XML that may be there; it is tried again",
};

export class Xmpp {
  readonly #context: ActorContext<XmppConfig>;
  readonly #door: XmppDoor;
  readonly #address: string;
  readonly #domain: string;

  /** Throws `GATEWAY_XMPP_UNSET`, or why the secret cannot be read. */
  constructor(context: ActorContext<XmppConfig>) {
    const { clock, log, config, version } = context;
    const server = parseHostPort(config.xmpp_server);
    const { xmpp_domain: domain, xmpp_secret_file: secretFile } = config;
    if (server === undefined || domain === undefined || secretFile === undefined) throw unset();
    const parentDomain = config.xmpp_parent_domain ?? domain.slice(domain.indexOf(".") + 1);
    const secret = readSecretFile(secretFile);
    this.#context = context;
    this.#domain = domain;
    this.#address = config.xmpp_server;
    const space = new AddressSpace(domain, config.xmpp_alias, networkByName(context.network));
    const facts = new Facts({ clock, version });
    const router = new IqRouter({ answerers: this.#answerers(facts, space), explain: () => undefined, log });
    const isAllowed = allowing({
      parentDomain,
      domains: config.xmpp_allow_domains,
      jids: config.xmpp_allow_jids,
    });
    this.#door = new XmppDoor({
      link: (ears) =>
        new ComponentLink({ server, domain, parentDomain, secret, clock, log, random: Math.random, ears }),
      space,
      admission: new Admission({ clock, isAllowed }),
      handlers: {
        iq: async ({ stanza, from, to }) => {
          this.#door.link.send(await router.answer(stanza, from, to));
        },
        presence: () => undefined,
        message: () => undefined,
        state: (state, fault) => this.#tell(state, fault),
      },
    });
  }

  get doors(): readonly Door[] {
    return [
      {
        name: "xmpp",
        address: `xmpp:${this.#domain}`,
        doc: `Chat clients, by the XMPP server at ${this.#address}.`,
      },
    ];
  }

  /** Does not wait for the server, which may come later. */
  open(): void {
    this.#door.link.start();
  }

  async close(): Promise<void> {
    await this.#door.link.close();
  }

  #answerers(facts: Facts, space: AddressSpace): ReadonlyMap<string, Answerer> {
    const disco = new Disco(new GatewayTree(space));
    const fact: Answerer = ({ payload, isSet }) => {
      const answer = isSet ? undefined : facts.answer(payload);
      return answer === "empty" ? [] : answer === undefined ? undefined : [answer];
    };
    return new Map<string, Answerer>([
      [NS.discoInfo, (question) => disco.info(question)],
      [NS.discoItems, (question) => disco.items(question)],
      [NS.ping, fact],
      [NS.last, fact],
      [NS.version, fact],
      [NS.time, fact],
    ]);
  }

  #tell(state: LinkState, fault: LinkFault | undefined): void {
    const { log } = this.#context;
    if (state === "online")
      log.info("the XMPP server has taken us as its component", { domain: this.#domain });
    if (fault !== undefined) log.warn(FAULTS[fault], { server: this.#address, domain: this.#domain });
  }
}

function unset(): TroupeError {
  return new TroupeError(
    { code: "GATEWAY_XMPP_UNSET" },
    "xmpp_server in the section [gateway] needs xmpp_domain and xmpp_secret_file too. Set all three, or none.",
  );
}
