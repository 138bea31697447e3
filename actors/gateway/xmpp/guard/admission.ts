/** Which stanzas are looked at, judged by kind, sender, length and rate before anything is done about them. */
import type { Clock } from "../../../../runtime/clock.ts";
import { TokenBucket } from "../../../../runtime/limits.ts";
import { childOf, childTextOf, type Element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import type { Condition } from "../link/replies.ts";
import { bareJid, type Jid, parseJid } from "../names/jid.ts";
import { RecentMap } from "./recent-map.ts";

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** What a person and a client may reasonably do: clients ask much when they go online, people type slowly. */
export interface AdmissionRates {
  readonly message: Rate;
  readonly iq: Rate;
  readonly presence: Rate;
  /** All people of one other server, which names them as it likes; and all who are no people of ours together. */
  readonly server: Rate;
  /** Everybody together. */
  readonly all: Rate;
}

export const RATES: AdmissionRates = Object.freeze({
  message: { burst: 10, perSecond: 1 },
  iq: { burst: 100, perSecond: 10 },
  presence: { burst: 100, perSecond: 10 },
  server: { burst: 500, perSecond: 250 },
  all: { burst: 2_000, perSecond: 1_000 },
});

const BODY_LENGTH_MAX = 4_000;
const SENDERS_MAX = 20_000;
const SERVERS_MAX = 1_000;
/** No domain is called so. */
const STRANGERS = "";
const REFUSAL_EVERY_MS = 60_000;

export type Verdict =
  | { readonly pass: true; readonly from: Jid }
  | { readonly pass: false; readonly refuse?: Condition };

const DROP: Verdict = Object.freeze({ pass: false });

type Kind = "message" | "iq" | "presence";

interface Sender {
  readonly buckets: Map<Kind, TokenBucket>;
  refusedMs: number;
}

export interface AdmissionOptions {
  readonly clock: Clock;
  readonly rates?: AdmissionRates;
  /** Whether people of this JID may speak to us at all. */
  readonly isAllowed: (from: Jid) => boolean;
  /** Of its people our own server sees to it that each speaks for himself. */
  readonly ownServer: string;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #rates: AdmissionRates;
  readonly #senders: RecentMap<string, Sender>;
  readonly #servers: RecentMap<string, TokenBucket>;
  readonly #all: TokenBucket;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#rates = options.rates ?? RATES;
    this.#senders = new RecentMap(SENDERS_MAX);
    this.#servers = new RecentMap(SERVERS_MAX);
    this.#all = new TokenBucket({ clock: options.clock, ...this.#rates.all });
  }

  judge(stanza: Element): Verdict {
    const from = parseJid(stanza.attrs["from"]);
    if (from === undefined || !isConversation(stanza, from)) return DROP;
    const kind = stanza.name as Kind;
    // Servers ask who we are; people are known by the part before the @.
    const isPerson = from.local !== "";
    const isAllowed = this.#options.isAllowed(from);
    if (isPerson && !isAllowed)
      return kind === "iq" && this.#serverOf(STRANGERS).take() ? { pass: false, refuse: "forbidden" } : DROP;
    const sender = this.#senderOf(bareJid(from));
    const bucket = this.#bucketOf(sender, kind);
    if (!bucket.take()) return this.#refusalFor(sender);
    // A server can make as many people, or names of its own, as it likes.
    const isOurs = from.domain === this.#options.ownServer;
    if (!isOurs && !this.#serverOf(isAllowed ? from.domain : STRANGERS).take()) return DROP;
    if (!this.#all.take()) return this.#refusalFor(sender);
    if (kind === "message" && (childTextOf(stanza, "body", "")?.length ?? 0) > BODY_LENGTH_MAX)
      return { pass: false, refuse: "not-acceptable" };
    return { pass: true, from };
  }

  /** One in a minute: who floods us is not worth an answer to each. */
  #refusalFor(sender: Sender): Verdict {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - sender.refusedMs < REFUSAL_EVERY_MS) return DROP;
    sender.refusedMs = nowMs;
    return { pass: false, refuse: "policy-violation" };
  }

  #serverOf(domain: string): TokenBucket {
    const known = this.#servers.get(domain);
    if (known !== undefined) return known;
    const bucket = new TokenBucket({ clock: this.#options.clock, ...this.#rates.server });
    this.#servers.set(domain, bucket);
    return bucket;
  }

  #senderOf(bare: string): Sender {
    const known = this.#senders.get(bare);
    if (known !== undefined) return known;
    const sender: Sender = { buckets: new Map(), refusedMs: Number.NEGATIVE_INFINITY };
    this.#senders.set(bare, sender);
    return sender;
  }

  #bucketOf(sender: Sender, kind: Kind): TokenBucket {
    const known = sender.buckets.get(kind);
    if (known !== undefined) return known;
    const bucket = new TokenBucket({ clock: this.#options.clock, ...this.#rates[kind] });
    sender.buckets.set(kind, bucket);
    return bucket;
  }
}

/** Answers to answers make loops between robots. */
function isConversation(stanza: Element, from: Jid): boolean {
  const { type } = stanza.attrs;
  switch (stanza.name) {
    case "iq":
      return type === "get" || type === "set";
    case "presence":
      return from.local !== "";
    case "message": {
      const isForPeople = type === undefined || type === "chat" || type === "normal";
      // What somebody forwards, nobody has said to us.
      return (
        isForPeople &&
        from.local !== "" &&
        childOf(stanza, "forwarded", NS.forward) === undefined &&
        !isCarbon(stanza)
      );
    }
    default:
      return false;
  }
}

function isCarbon(stanza: Element): boolean {
  return ["sent", "received"].some((name) => childOf(stanza, name, NS.carbons) !== undefined);
}
