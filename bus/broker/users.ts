/** The broker's table of users, changeable while it runs; whoever holds connections is told whose rights have changed. */
import { TroupeError } from "../../runtime/errors.ts";
import type { BusUser } from "../carrier/transport.ts";
import { Access } from "./access.ts";

export class Users {
  readonly #byName = new Map<string, Access>();
  readonly #byKey = new Map<string, Access>();
  readonly #onRevoked: (access: Access) => void;

  /** `onRevoked` hears of every user that was removed or given other rights: its connections must end. */
  constructor(users: readonly BusUser[], onRevoked: (access: Access) => void) {
    if (users.length === 0) {
      throw new TroupeError(
        { code: "BUS_BROKER_NO_USERS" },
        "The broker has no users and would let nobody in. Give it at least one user with a public nkey.",
      );
    }
    this.#onRevoked = onRevoked;
    checkDistinct(users);
    for (const user of users) this.add(user);
  }

  /** Adds a user, or gives the one of this name another key or other rights. */
  add(user: BusUser): void {
    const access = new Access(user);
    const owner = this.#byKey.get(user.publicKey);
    if (owner !== undefined && owner.user.name !== user.name) {
      throw notDistinct(user.name, `"${owner.user.name}" has the same public key`);
    }
    const previous = this.#byName.get(user.name);
    if (previous !== undefined && isSame(previous.user, user)) return;
    if (previous !== undefined) this.remove(user.name);
    this.#byName.set(user.name, access);
    this.#byKey.set(user.publicKey, access);
  }

  remove(name: string): void {
    const access = this.#byName.get(name);
    if (access === undefined) return;
    this.#byName.delete(name);
    this.#byKey.delete(access.user.publicKey);
    this.#onRevoked(access);
  }

  /** Makes the table exactly these users, or throws and changes nothing; connections of users that stay as they are go on. */
  set(users: readonly BusUser[]): void {
    checkDistinct(users);
    for (const user of users) void new Access(user);
    const wanted = new Map(users.map((user) => [user.name, user.publicKey]));
    for (const [name, access] of [...this.#byName]) {
      // a changed key goes first, so that two users may swap theirs
      if (wanted.get(name) !== access.user.publicKey) this.remove(name);
    }
    for (const user of users) this.add(user);
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  byName(name: string): Access | undefined {
    return this.#byName.get(name);
  }

  byPublicKey(publicKey: string): Access | undefined {
    return this.#byKey.get(publicKey);
  }
}

function checkDistinct(users: readonly BusUser[]): void {
  const names = new Set<string>();
  const keys = new Set<string>();
  for (const { name, publicKey } of users) {
    if (names.has(name)) throw notDistinct(name, "the name comes twice");
    if (keys.has(publicKey)) throw notDistinct(name, "another has the same public key");
    names.add(name);
    keys.add(publicKey);
  }
}

function notDistinct(name: string, what: string): TroupeError {
  return new TroupeError(
    { code: "BUS_BROKER_BAD_USER", user: name, what },
    `The bus user "${name}" cannot be used: ${what}.`,
  );
}

function isSame(a: BusUser, b: BusUser): boolean {
  return a.publicKey === b.publicKey && JSON.stringify(a.permissions) === JSON.stringify(b.permissions);
}
