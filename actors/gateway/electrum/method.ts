/** How a method of the protocol is declared, how its arguments are read, and the table of those that a version has. */
import { PROTOCOL_CODES, ProtocolError } from "./protocol-error.ts";
import { compareVersions, type ProtocolVersion, version, versionText } from "./protocol-version.ts";
import type { Session } from "./session.ts";

/** One parameter. Its place in the list is its position; its name is for clients that name theirs. */
export interface Param<T = unknown> {
  readonly name: string;
  /** Throws a `ProtocolError` (code 1 for a bad value, as peers do). */
  parse(given: unknown): T;
  readonly isOptional: boolean;
  /** What an optional one is when it was not given; not parsed. */
  readonly fallback: T | undefined;
}

export function required<T>(name: string, parse: (given: unknown) => T): Param<T> {
  return Object.freeze({ name, parse, isOptional: false, fallback: undefined });
}

/** Optional ones come after the required ones. */
export function optional<T>(name: string, parse: (given: unknown) => T, fallback: T): Param<T> {
  return Object.freeze({ name, parse, isOptional: true, fallback });
}

type ArgumentsOf<P extends readonly Param[]> = {
  readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never;
};

export interface MethodDeclaration<P extends readonly Param[]> {
  readonly name: string;
  /** The first version that has it; all when absent. */
  readonly since?: string;
  /** The first version that has it no more: `"1.7"` for what ends with 1.6, however 1.6 is spelled. */
  readonly before?: string;
  readonly params: P;
  /** Arguments beyond the declared ones are no error. */
  readonly ignoresOthers?: boolean;
  /** Charged before it runs, in the units of ElectrumX (a ping is 0.1); what depends on the answer is `session.charge`d. */
  readonly cost: number;
  /**
   * Returns the result, at once or later: any JSON value (`undefined` is null) or an `EncodedJson`. A result that is at
   * hand should not be wrapped in a promise. Throws `ProtocolError` to refuse. May still run after the session has
   * closed or its time has run out; its result is then dropped.
   */
  handle(args: ArgumentsOf<P>, session: Session): unknown;
}

/** A declared method, ready to be called with what a client sent. */
export interface Method {
  readonly name: string;
  readonly since: ProtocolVersion | undefined;
  readonly before: ProtocolVersion | undefined;
  readonly cost: number;
  /** `given` is the request's `params`: a list, an object or undefined. Throws `ProtocolError` -32602 when they do not fit. */
  call(given: unknown, session: Session): unknown;
}

export function method<const P extends readonly Param[]>(declaration: MethodDeclaration<P>): Method {
  const { name, params, since, before, cost, ignoresOthers = false } = declaration;
  return Object.freeze({
    name,
    since: since === undefined ? undefined : version(since),
    before: before === undefined ? undefined : version(before),
    cost,
    call(given: unknown, session: Session) {
      const args = readArguments(name, params, given, ignoresOthers);
      return declaration.handle(args as ArgumentsOf<P>, session);
    },
  });
}

/** The inner half of the door: what clients can ask, and who must hear that one has gone. */
export interface ElectrumProtocol {
  /** All but `server.version`, which the door answers itself. */
  readonly methods: readonly Method[];
  /** The session has closed: called once for each that had called any method. Forget its subscriptions. */
  forget(session: Session): void;
  /** How long it is since we heard of the chain: what happened meanwhile nobody has been told. */
  silentMs(): number;
  /** Whether clients are about to be told of single scripts: what is told to all can wait for that. */
  isTelling(): boolean;
}

/** The methods by name, for each version. */
export class MethodTable {
  readonly #methods: readonly Method[];
  /** Versions that have the same methods share one map, so that a client cannot make us build many. */
  readonly #byPresence = new Map<string, ReadonlyMap<string, Method>>();

  constructor(methods: readonly Method[]) {
    this.#methods = methods;
  }

  /** Look this up once per session. */
  of(agreed: ProtocolVersion): ReadonlyMap<string, Method> {
    const isPresent = ({ since, before }: Method) =>
      (since === undefined || compareVersions(agreed, since) >= 0) &&
      (before === undefined || compareVersions(agreed, before) < 0);
    const presence = this.#methods.map((one) => (isPresent(one) ? "1" : "0")).join("");
    let found = this.#byPresence.get(presence);
    if (found === undefined) {
      const present = this.#methods.filter(isPresent);
      found = new Map(present.map((one) => [one.name, one]));
      if (found.size !== present.length) {
        throw new Error(`version ${versionText(agreed)} has a method that is declared twice`);
      }
      this.#byPresence.set(presence, found);
    }
    return found;
  }
}

function readArguments(
  method: string,
  params: readonly Param[],
  given: unknown,
  ignoresOthers: boolean,
): readonly unknown[] {
  if (given === undefined) return fromList(method, params, [], ignoresOthers);
  if (Array.isArray(given)) return fromList(method, params, given, ignoresOthers);
  if (typeof given === "object" && given !== null) {
    return fromNames(method, params, given as Readonly<Record<string, unknown>>, ignoresOthers);
  }
  // Peers are written in Python, where nothing is None.
  const text = given === null ? "None" : JSON.stringify(given).slice(0, 80);
  throw badArguments(`invalid request arguments: ${text}`);
}

function fromList(
  method: string,
  params: readonly Param[],
  given: readonly unknown[],
  ignoresOthers: boolean,
): unknown[] {
  const { length } = given;
  // The optional ones stand at the end: the one behind the last that was given tells whether one is missing.
  if (length < params.length && params[length]?.isOptional === false) {
    const needed = params.filter(({ isOptional }) => !isOptional).length;
    throw badArguments(`${passed(length)} "${method}" but it requires ${needed}`);
  }
  if (length > params.length && !ignoresOthers) {
    throw badArguments(`${passed(length)} ${method} taking at most ${params.length}`);
  }
  return params.map((param, at) => (at < given.length ? param.parse(given[at]) : param.fallback));
}

function passed(count: number): string {
  return `${count} argument${count === 1 ? "" : "s"} passed to method`;
}

function fromNames(
  method: string,
  params: readonly Param[],
  given: Readonly<Record<string, unknown>>,
  ignoresOthers: boolean,
): unknown[] {
  const missing = params.filter(({ name, isOptional }) => !isOptional && !Object.hasOwn(given, name));
  if (missing.length > 0) {
    throw badArguments(`method "${method}" requires ${named(missing.map(({ name }) => name))}`);
  }
  const other = Object.keys(given).filter((key) => !params.some(({ name }) => name === key));
  if (other.length > 0 && !ignoresOthers) {
    throw badArguments(`method "${method}" does not take ${named(other)}`);
  }
  return params.map((param) =>
    Object.hasOwn(given, param.name) ? param.parse(given[param.name]) : param.fallback,
  );
}

/** A few names are enough to see what is wrong; the client has sent them and may have sent thousands. */
function named(names: readonly string[]): string {
  const shown = names.slice(0, 4).map((name) => JSON.stringify(name.slice(0, 64)));
  return `parameter${names.length === 1 ? "" : "s"} ${shown.join(", ")}${names.length > 4 ? ", …" : ""}`;
}

function badArguments(message: string): ProtocolError {
  return new ProtocolError(PROTOCOL_CODES.badArguments, message);
}
