/** Tests of nkeys: who signed is told apart from who did not, and the seed is not shown. */
import { inspect } from "node:util";
import { createUser } from "nkeys.js";
import { describe, expect, it } from "vitest";
import { isPublicKey, Nkey, verifySignature } from "./nkey.ts";

describe("Nkey", () => {
  it("signs what only its own public key verifies", () => {
    const mine = Nkey.create();
    const other = Nkey.create();

    const signature = mine.sign("nonce");

    expect(verifySignature(mine.publicKey, "nonce", signature)).toBe(true);
    expect(verifySignature(mine.publicKey, "nonce2", signature)).toBe(false);
    expect(verifySignature(other.publicKey, "nonce", signature)).toBe(false);
  });

  it("takes a signature in plain base64 too", () => {
    const mine = Nkey.create();

    const plain = Buffer.from(mine.sign("nonce"), "base64url").toString("base64");

    expect(verifySignature(mine.publicKey, "nonce", plain)).toBe(true);
  });

  it.each(["", "x", "A".repeat(86), "A".repeat(1000)])("finds no signature in %j", (signature) => {
    expect(verifySignature(Nkey.create().publicKey, "nonce", signature)).toBe(false);
  });

  it("verifies nothing for what is no public key", () => {
    const mine = Nkey.create();

    expect(verifySignature("UABC", "nonce", mine.sign("nonce"))).toBe(false);
  });

  it("comes back from its seed", () => {
    const mine = Nkey.create();

    const again = Nkey.fromSeed(`${mine.revealSeed()}\n`);

    expect(again.publicKey).toBe(mine.publicKey);
    expect(mine.publicKey).toMatch(/^U[A-Z2-7]{55}$/);
    expect(mine.revealSeed()).toMatch(/^SU[A-Z2-7]{56}$/);
  });

  it("reads seeds as the reference implementation does", () => {
    for (let round = 0; round < 50; round++) {
      const theirs = createUser();

      const mine = Nkey.fromSeed(new TextDecoder().decode(theirs.getSeed()));

      expect(mine.publicKey).toBe(theirs.getPublicKey());
      expect(theirs.verify(Buffer.from("nonce"), Buffer.from(mine.sign("nonce"), "base64url"))).toBe(true);
    }
  });

  it("refuses damaged seeds and says nothing of their text", () => {
    const seed = Nkey.create().revealSeed();
    const damaged = seed.slice(0, -1) + (seed.endsWith("A") ? "B" : "A");

    for (const bad of ["", "SU", seed.slice(1), damaged, Nkey.create().publicKey]) {
      let caught: unknown;
      try {
        Nkey.fromSeed(bad);
      } catch (error) {
        caught = error;
      }
      expect(caught).toMatchObject({ code: "BUS_BAD_SEED" });
      if (bad.length > 2) expect(inspect(caught, { depth: 9 })).not.toContain(bad);
    }
  });

  it("shows its public half only, however it is printed", () => {
    const mine = Nkey.create();
    const seed = mine.revealSeed();

    for (const shown of [
      inspect(mine, { depth: 9, showHidden: true }),
      JSON.stringify({ mine }),
      `${mine}`,
    ]) {
      expect(shown).toContain(mine.publicKey);
      expect(shown).not.toContain(seed.slice(4, 20));
    }
  });

  it("knows a public key by its checksum", () => {
    const { publicKey } = Nkey.create();
    const damaged = publicKey.slice(0, -1) + (publicKey.endsWith("A") ? "B" : "A");

    expect(isPublicKey(publicKey)).toBe(true);
    expect(isPublicKey(damaged)).toBe(false);
    expect(isPublicKey(publicKey.toLowerCase())).toBe(false);
    expect(isPublicKey("")).toBe(false);
  });
});
