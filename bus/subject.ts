/** Subjects: the grammar of every name on the bus, and the algebra of wildcard patterns that permissions and routing rest on. */
import { TroupeError } from "../runtime/errors.ts";

/** Version of the wire grammar, not of any contract. */
const ROOT = "troupe.v1";
/** The server's control line is limited to 4096 bytes; subjects stay far below it. */
export const SUBJECT_LENGTH_MAX = 255;

const TOKEN = /^[a-z0-9_-]{1,48}$/;
/** Methods, events and states are written in code, in camelCase. */
const NAME = /^[a-z][a-zA-Z0-9_-]{0,47}$/;
const INBOX_TAIL = /^[a-zA-Z0-9_-]{1,48}$/;

export type RpcSubject<
  A extends string = string,
  I extends string = string,
  M extends string = string,
  C extends string = string,
> = `troupe.v1.rpc.${A}.${I}.${M}.${C}`;
export type EventSubject<
  A extends string = string,
  I extends string = string,
  V extends string = string,
> = `troupe.v1.evt.${A}.${I}.${V}`;
export type StateSubject<
  A extends string = string,
  I extends string = string,
  V extends string = string,
> = `troupe.v1.state.${A}.${I}.${V}`;
export type BulkSubject<C extends string = string, X extends string = string> = `troupe.v1.blk.${C}.${X}`;
export type InboxSubject<U extends string = string, T extends string = string> = `_INBOX.${U}.${T}`;

/** True when `text` can be an actor, an instance, a caller or a key. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Returns the token, or throws `BUS_BAD_SUBJECT`. `what` is for the person who reads the message. */
export function checkToken<T extends string>(what: string, text: T): T {
  if (!TOKEN.test(text)) throw badSubject(what, text);
  return text;
}

export function rpcSubject<A extends string, I extends string, M extends string, C extends string>(
  actor: A,
  instance: I,
  method: M,
  caller: C,
): RpcSubject<A, I, M, C> {
  checkToken("actor", actor);
  checkToken("instance", instance);
  checkName("method", method);
  checkToken("caller", caller);
  return `${ROOT}.rpc.${actor}.${instance}.${method}.${caller}`;
}

export function eventSubject<A extends string, I extends string, V extends string>(
  actor: A,
  instance: I,
  event: V,
): EventSubject<A, I, V>;
export function eventSubject<A extends string, I extends string, V extends string, K extends string>(
  actor: A,
  instance: I,
  event: V,
  key: K,
): EventSubject<A, I, `${V}.${K}`>;
export function eventSubject(actor: string, instance: string, event: string, key?: string): EventSubject {
  checkToken("actor", actor);
  checkToken("instance", instance);
  checkDottedName("event", event);
  if (key === undefined) return `${ROOT}.evt.${actor}.${instance}.${event}`;
  return `${ROOT}.evt.${actor}.${instance}.${event}.${checkToken("key", key)}`;
}

export function stateSubject<A extends string, I extends string, V extends string>(
  actor: A,
  instance: I,
  state: V,
): StateSubject<A, I, V> {
  checkToken("actor", actor);
  checkToken("instance", instance);
  checkDottedName("state", state);
  return `${ROOT}.state.${actor}.${instance}.${state}`;
}

export function bulkSubject<C extends string, X extends string>(caller: C, transfer: X): BulkSubject<C, X> {
  return `${ROOT}.blk.${checkToken("caller", caller)}.${checkToken("transfer", transfer)}`;
}

export function inboxSubject<U extends string, T extends string>(user: U, tail: T): InboxSubject<U, T> {
  checkToken("user", user);
  for (const part of tail.split(".")) {
    if (!INBOX_TAIL.test(part)) throw badSubject("inbox", tail);
  }
  return `_INBOX.${user}.${tail}`;
}

/** The prefix that is this user's own: replies go nowhere else. Ends without a dot. */
export function inboxPrefix<U extends string>(user: U): `_INBOX.${U}` {
  return `_INBOX.${checkToken("user", user)}`;
}

/** Patterns for subscriptions and permissions: each part is a token or `*`. */
export function rpcPattern(actor: string, instance: string, method: string, caller: string): RpcSubject {
  checkTokenOrStar("actor", actor);
  checkTokenOrStar("instance", instance);
  if (method !== "*") checkName("method", method);
  checkTokenOrStar("caller", caller);
  return `${ROOT}.rpc.${actor}.${instance}.${method}.${caller}`;
}

/** `name` may be `>` for all events of the actor; `key` may be `*`. */
export function eventPattern(actor: string, instance: string, event: string, key?: string): EventSubject {
  checkTokenOrStar("actor", actor);
  checkTokenOrStar("instance", instance);
  if (event !== ">") checkDottedName("event", event);
  if (key === undefined) return `${ROOT}.evt.${actor}.${instance}.${event}`;
  return `${ROOT}.evt.${actor}.${instance}.${event}.${checkTokenOrStar("key", key)}`;
}

/** `state` may be `>` for all states of the actor. */
export function statePattern(actor: string, instance: string, state: string): StateSubject {
  checkTokenOrStar("actor", actor);
  checkTokenOrStar("instance", instance);
  if (state !== ">") checkDottedName("state", state);
  return `${ROOT}.state.${actor}.${instance}.${state}`;
}

export interface RpcAddress {
  readonly actor: string;
  readonly instance: string;
  readonly method: string;
  readonly caller: string;
}

/** Reads a request subject as it arrives; undefined when it is none. */
export function parseRpcSubject(subject: string): RpcAddress | undefined {
  const [root, version, kind, actor, instance, method, caller, ...rest] = subject.split(".");
  if (`${root}.${version}` !== ROOT || kind !== "rpc" || rest.length > 0) return undefined;
  if (!actor || !instance || !method || !caller) return undefined;
  return { actor, instance, method, caller };
}

export interface FactAddress {
  readonly kind: "evt" | "state";
  readonly actor: string;
  readonly instance: string;
  /** Name, and key where the event has one; only the contract knows where the one ends and the other begins. */
  readonly name: string;
}

/** Reads the subject of an event or a state as it arrives; undefined when it is neither. */
export function parseFactSubject(subject: string): FactAddress | undefined {
  const [root, version, kind, actor, instance, ...name] = subject.split(".");
  if (`${root}.${version}` !== ROOT || (kind !== "evt" && kind !== "state")) return undefined;
  if (!actor || !instance || name.length === 0 || name.includes("")) return undefined;
  return { kind, actor, instance, name: name.join(".") };
}

/** True for a subject that can be published to: no wildcard, no empty token, no white space. */
export function isLiteralSubject(subject: string): boolean {
  if (!hasSoundTokens(subject)) return false;
  return !subject.split(".").some((token) => token === "*" || token === ">");
}

/** True for what can be subscribed to: `*` stands for one whole token, `>` for the rest and only at the end. */
export function isPattern(pattern: string): boolean {
  if (!hasSoundTokens(pattern)) return false;
  const end = pattern.indexOf(">");
  if (end === -1) return true;
  const tokens = pattern.split(".");
  const first = tokens.indexOf(">");
  return first === -1 || first === tokens.length - 1;
}

/** Does the pattern take this subject? `a.>` takes `a.b` and `a.b.c`, not `a`. */
export function matches(pattern: string, subject: string): boolean {
  return covers(pattern, subject);
}

/** True when `wide` takes every subject that `narrow` takes. `>` is wider than any number of `*`. */
export function covers(wide: string, narrow: string): boolean {
  const wideTokens = wide.split(".");
  const narrowTokens = narrow.split(".");
  for (const [index, token] of wideTokens.entries()) {
    const other = narrowTokens[index];
    if (other === undefined) return false;
    if (token === ">") return true;
    if (other === ">") return false;
    if (token !== "*" && token !== other) return false;
  }
  return wideTokens.length === narrowTokens.length;
}

/** True when some subject is taken by both patterns. */
export function overlaps(a: string, b: string): boolean {
  const left = a.split(".");
  const right = b.split(".");
  const common = Math.min(left.length, right.length);
  for (let index = 0; index < common; index++) {
    const l = left[index];
    const r = right[index];
    if (l === ">" || r === ">") return true;
    if (l !== "*" && r !== "*" && l !== r) return false;
  }
  return left.length === right.length;
}

function hasSoundTokens(subject: string): boolean {
  if (subject.length === 0 || /[\s\0]/.test(subject)) return false;
  return !subject.startsWith(".") && !subject.endsWith(".") && !subject.includes("..");
}

function checkName(what: string, text: string): void {
  if (!NAME.test(text)) throw badSubject(what, text);
}

function checkDottedName(what: string, text: string): void {
  for (const part of text.split(".")) checkName(what, part);
}

function checkTokenOrStar(what: string, text: string): string {
  return text === "*" ? text : checkToken(what, text);
}

function badSubject(what: string, text: string): TroupeError {
  return new TroupeError(
    { code: "BUS_BAD_SUBJECT", what, text: text.slice(0, 64) },
    `"${text.slice(0, 64)}" cannot be the ${what} in a subject: use a-z, 0-9, _ and - (camelCase for methods), at most 48 characters`,
  );
}
