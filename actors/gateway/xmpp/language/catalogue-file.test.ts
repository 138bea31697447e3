import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { catalogueJson } from "../../../../docs/xmpp-catalogue.ts";
import { DoorUnderTest, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { readCatalogueFile } from "./catalogue-file.ts";
import { en } from "./en.ts";
import { compileTemplate } from "./template.ts";
import { addLanguages } from "./texts.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-language-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function file(said: unknown, name = "de.json"): string {
  const path = join(directory, name);
  writeFileSync(path, typeof said === "string" ? said : JSON.stringify(said));
  return path;
}

describe("a catalogue file", () => {
  it("is a language of the door: its words are understood, its people answered in it, what it lacks said in English", async () => {
    const path = file({
      name: "Deutsch",
      words: { register: "anmelden", balance: "guthaben", help: "hilfe" },
      yes: "ja",
      registered: "Willkommen, {1}.",
      balance: "Sie haben {1}.",
      confirmations: "{1=1?eine Bestätigung|{1} Bestätigungen}",
    });
    const under = await DoorUnderTest.start({ xmpp_languages: [path] });
    try {
      const say = (words: string) => under.say("dieter@example.test", WALLET, words);
      expect(await say("anmelden dieter")).toContain("1: ja");
      expect(await say("ja")).toContain("Willkommen, dieter.");
      expect(under.bank.account("dieter@example.test").settings.language).toBe("de");
      expect(await say("gut")).toBe("Sie haben 0 sat.");
      expect(await say("balance")).toBe("Sie haben 0 sat.");
      expect(await say("orders")).toBe(en.noOrders);
      expect(await say("settings lang xx")).toContain("en, fr, de");
    } finally {
      await under.stop();
    }
  });

  it("of English, as the documents have it, says what English says", () => {
    const { code, texts } = readCatalogueFile(file(catalogueJson()));
    expect(code).toBe("de");
    expect(texts.words).toEqual(en.words);
    expect(texts.notice.depositCredited("5 sat", "7 sat")).toBe(en.notice.depositCredited("5 sat", "7 sat"));
    expect(JSON.stringify(texts)).toBe(JSON.stringify(en));
  });

  it.each([
    ["{", "de.json", "JSON"],
    [[], "de.json", "the whole has to be an object"],
    [{}, "german.json", "no code of a language"],
    [{ nonsense: "x" }, "de.json", "English has no nonsense"],
    [{ __proto__: null, notice: { constructor: "x" } }, "de.json", "English has no notice.constructor"],
    [{ balance: 5 }, "de.json", "balance has to be a text"],
    [{ balance: "x".repeat(2_001) }, "de.json", "balance has to be a text"],
    [{ balance: "{2}" }, "de.json", "balance: {2} stands for nothing: 1 things are told"],
    [{ balance: "{1" }, "de.json", "balance: { stands before"],
    [{ usage: { pay: ["x"] } }, "de.json", "usage.pay has to be 2 texts"],
    [{ words: { pay: "zahl mir" } }, "de.json", "words.pay has to be one word"],
    [{ words: { pay: "Geld", balance: "geld" } }, "de.json", "are the same word"],
    [{ words: { pay: "balance" } }, "de.json", "are the same word"],
    [{ words: { pay: "élan", balance: "elan" } }, "de.json", "are the same word"],
    [{ words: { pay: "zahlen", balance: "pay" } }, "de.json", "words.balance is English for words.pay"],
    [{ yes: "nein", no: "Nein" }, "de.json", "yes and no are the same word"],
    [{ yes: "no", no: "nikt" }, "pl.json", "the other way round in English"],
    [{ yes: "tak", no: "Yes" }, "pl.json", "the other way round"],
    [{ yes: "", no: "nein" }, "de.json", "yes has to be one word"],
    [{ yes: "2", no: "1" }, "de.json", "yes has to be one word"],
    [" ".repeat(300_000), "de.json", "bytes"],
  ])("is refused with what is wrong: %j %s", (said, name, why) => {
    expect(() => readCatalogueFile(file(said, name))).toThrow(
      expect.objectContaining({ code: "GATEWAY_XMPP_LANGUAGE", message: expect.stringContaining(why) }),
    );
  });
});

describe("files of several languages", () => {
  it("are refused where one agrees with the word by which another declines", () => {
    const paths = [file({ yes: "ne", no: "ohi" }, "el.json"), file({ yes: "da", no: "ne" }, "sr.json")];
    expect(() => addLanguages(paths)).toThrow(
      expect.objectContaining({ message: expect.stringContaining("sr.json is no catalogue of a language") }),
    );
  });
});

describe("a template", () => {
  it.each([
    ["{1} an {2}", ["5 sat", "bob"], "5 sat an bob"],
    ["ja{2? auf „{2}“}", ["x", "rent"], "ja auf „rent“"],
    ["ja{2? auf „{2}“}", ["x", ""], "ja"],
    ["{1!nichts|etwas}", [0], "nichts"],
    ["{1=1?eins|{1=2?zwei|viele}}", [2], "zwei"],
    ["{1=1?eins|{1=2?zwei|viele}}", [7], "viele"],
    ["{1}", ["{2} $& {1?x}"], "{2} $& {1?x}"],
    ["a | b = c ? d", [], "a | b = c ? d"],
  ])("%s with %j says %s", (written, values, said) => {
    expect(compileTemplate(written, 2)(...values)).toBe(said);
  });

  it("that is broken is refused in words, and never runs away", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."{}|?!=12 a"), maxLength: 60 }), (written) => {
        try {
          expect(typeof compileTemplate(written, 2)("x", "")).toBe("string");
        } catch (error) {
          expect((error as Error).message).toMatch(/\{|\}|braces/);
        }
      }),
    );
  });
});
