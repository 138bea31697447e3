/** Tests of the table of users. */
import { describe, expect, it } from "vitest";
import { Nkey } from "../carrier/nkey.ts";
import type { BusUser } from "../carrier/transport.ts";
import { Users } from "./users.ts";

const userOf = (name: string, allow: string[] = [">"], publicKey = Nkey.create().publicKey): BusUser => ({
  name,
  publicKey,
  permissions: { publish: { allow, deny: [] }, subscribe: { allow: [">"], deny: [] }, allowResponses: 0 },
});
const bad = expect.objectContaining({ code: "BUS_BROKER_BAD_USER" });

describe("Users", () => {
  it("refuses a name or a key that comes twice", () => {
    const one = userOf("one");

    expect(() => new Users([one, userOf("one")], () => undefined)).toThrow(bad);
    expect(() => new Users([one, { ...one, name: "two" }], () => undefined)).toThrow(bad);
    expect(() => new Users([one], () => undefined).add({ ...one, name: "two" })).toThrow(bad);
  });

  it("finds a user by name and by key, and neither once it is removed", () => {
    const one = userOf("one");
    const revoked: string[] = [];
    const users = new Users([one, userOf("two")], (access) => revoked.push(access.user.name));

    expect(users.byPublicKey(one.publicKey)).toBe(users.byName("one"));
    users.remove("one");
    users.remove("one");

    expect(users.byName("one")).toBeUndefined();
    expect(users.byPublicKey(one.publicKey)).toBeUndefined();
    expect(revoked).toEqual(["one"]);
  });

  it("revokes only those whose key or rights have changed", () => {
    const same = userOf("same");
    const rights = userOf("rights");
    const key = userOf("key");
    const gone = userOf("gone");
    const revoked: string[] = [];
    const users = new Users([same, rights, key, gone], (access) => revoked.push(access.user.name));

    users.set([
      { ...same },
      { ...userOf("rights", ["a"]), publicKey: rights.publicKey },
      userOf("key"),
      userOf("new"),
    ]);

    expect(revoked.sort()).toEqual(["gone", "key", "rights"]);
    expect(users.names().sort()).toEqual(["key", "new", "rights", "same"]);
  });

  it("lets two users swap their keys", () => {
    const one = userOf("one");
    const two = userOf("two");
    const users = new Users([one, two], () => undefined);

    users.set([
      { ...one, publicKey: two.publicKey },
      { ...two, publicKey: one.publicKey },
    ]);

    expect(users.byPublicKey(one.publicKey)?.user.name).toBe("two");
    expect(users.byPublicKey(two.publicKey)?.user.name).toBe("one");
  });
});
