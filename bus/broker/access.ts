/** One user's permissions, made ready for judging every message: allow, then deny; replies are tracked by the router. */
import { TroupeError } from "../../runtime/errors.ts";
import { isPublicKey } from "../carrier/nkey.ts";
import type { BusUser } from "../carrier/transport.ts";
import { covers, isPattern, isToken, overlaps, SUBJECT_LENGTH_MAX } from "../subject.ts";
import { SubjectTrie } from "./subject-trie.ts";

/** Verdicts on subjects are kept; inboxes are not, since each reply has a subject of its own. */
const VERDICTS_MAX = 4096;
const INBOX = "_INBOX.";
/** Each token of each pattern is a node in the router's tree; ours have seven and a few more. */
const TOKENS_MAX = 16;

/** `unlisted` means: not by permission, but perhaps as the reply to a message received. */
export type PublishVerdict = "allowed" | "denied" | "unlisted" | "malformed";

/** `filtered`: some subjects within the pattern are denied, so each delivery must be judged. */
export type SubscribeVerdict = "allowed" | "filtered" | "denied";

export class Access {
  readonly user: BusUser;
  readonly allowResponses: number;
  readonly #publishAllow = new SubjectTrie<true>();
  readonly #publishDeny = new SubjectTrie<true>();
  readonly #subscribeDeny = new SubjectTrie<true>();
  readonly #verdicts = new Map<string, PublishVerdict>();

  /** Throws `BUS_BROKER_BAD_USER`. */
  constructor(user: BusUser) {
    checkUser(user);
    this.user = user;
    this.allowResponses = user.permissions.allowResponses;
    for (const pattern of user.permissions.publish.allow) this.#publishAllow.add(pattern, true);
    for (const pattern of user.permissions.publish.deny) this.#publishDeny.add(pattern, true);
    for (const pattern of user.permissions.subscribe.deny) this.#subscribeDeny.add(pattern, true);
  }

  judgePublish(subject: string): PublishVerdict {
    const known = this.#verdicts.get(subject);
    if (known !== undefined) return known;
    const verdict = this.#judge(subject);
    if (!subject.startsWith(INBOX)) {
      if (this.#verdicts.size >= VERDICTS_MAX) this.#verdicts.clear();
      this.#verdicts.set(subject, verdict);
    }
    return verdict;
  }

  /** The whole pattern must lie within one grant: `>` is wider than any number of `*`. */
  judgeSubscribe(pattern: string): SubscribeVerdict {
    const { allow, deny } = this.user.permissions.subscribe;
    if (!allow.some((granted) => covers(granted, pattern))) return "denied";
    if (deny.some((refused) => covers(refused, pattern))) return "denied";
    return deny.some((refused) => overlaps(refused, pattern)) ? "filtered" : "allowed";
  }

  /** For `filtered` subscriptions: may this one message be delivered? */
  mayReceive(subject: string): boolean {
    return !this.#subscribeDeny.has(subject);
  }

  #judge(subject: string): PublishVerdict {
    if (!isSoundLiteral(subject)) return "malformed";
    if (!this.#publishDeny.isEmpty && this.#publishDeny.has(subject)) return "denied";
    return this.#publishAllow.has(subject) ? "allowed" : "unlisted";
  }
}

/** What may be subscribed to: a pattern, not longer than the grammar allows and not deeper than any subject of ours. */
export function isSoundPattern(pattern: string): boolean {
  if (pattern.length > SUBJECT_LENGTH_MAX || !isPattern(pattern)) return false;
  return pattern.split(".").length <= TOKENS_MAX;
}

/**
 * A subject that may be published to: no empty token, no token that is a wildcard, not too long.
 * One pass without allocation, since it runs for every reply.
 */
export function isSoundLiteral(subject: string): boolean {
  if (subject.length > SUBJECT_LENGTH_MAX) return false;
  let tokenStart = 0;
  for (let index = 0; index <= subject.length; index++) {
    const char = index === subject.length ? DOT : subject.charCodeAt(index);
    if (char <= SPACE) return false;
    if (char !== DOT) continue;
    const length = index - tokenStart;
    if (length === 0) return false;
    if (length === 1) {
      const only = subject.charCodeAt(tokenStart);
      if (only === STAR || only === GREATER) return false;
    }
    tokenStart = index + 1;
  }
  return true;
}

const DOT = 0x2e;
const SPACE = 0x20;
const STAR = 0x2a;
const GREATER = 0x3e;

function checkUser(user: BusUser): void {
  const bad = (what: string) =>
    new TroupeError(
      { code: "BUS_BROKER_BAD_USER", user: user.name, what },
      `The bus user "${user.name}" cannot be used: ${what}.`,
    );
  if (!isToken(user.name)) throw bad("its name is not a subject token (a-z, 0-9, _ and -, at most 48)");
  if (!isPublicKey(user.publicKey)) throw bad("its public key is not an nkey that starts with U");
  const { publish, subscribe, allowResponses } = user.permissions;
  for (const pattern of [...publish.allow, ...publish.deny, ...subscribe.allow, ...subscribe.deny]) {
    if (!isPattern(pattern)) throw bad(`"${pattern}" is not a subject pattern`);
  }
  if (!Number.isInteger(allowResponses) || allowResponses < 0) throw bad("allowResponses is not a count");
}
