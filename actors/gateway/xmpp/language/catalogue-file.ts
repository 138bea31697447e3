/** Languages from files of the operator's: JSON with the keys of English; what a file leaves out is said in English. */
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { TroupeError } from "../../../../runtime/errors.ts";
import type { Texts } from "./catalogue.ts";
import { en } from "./en.ts";
import { compileTemplate } from "./template.ts";
import { plain } from "./words.ts";

const FILE_BYTES_MAX = 256 * 1024;
const TEXT_LENGTH_MAX = 2_000;
const CODE = /^([a-z]{2,3})\.json$/;
const WORD = /^\p{L}[\p{L}\p{M}\p{N}_-]{0,29}$/u;

type Leaf = string | readonly string[] | ((...values: never[]) => string);
interface Tree {
  readonly [key: string]: Leaf | Tree;
}

/** By its code, which is the file's name; `spoken` are the languages beside it. Throws `GATEWAY_XMPP_LANGUAGE` with the key that is wrong. */
export function readCatalogueFile(
  path: string,
  spoken: readonly Texts[] = [en],
): { readonly code: string; readonly texts: Texts } {
  const code = CODE.exec(basename(path))?.[1];
  if (code === undefined) throw bad(path, "its name is no code of a language, such as de.json");
  const texts = translated(en, parsed(path), "", path) as unknown as Texts;
  checkWords(texts, path);
  checkAnswers(texts, spoken, path);
  return { code, texts };
}

function parsed(path: string): unknown {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw bad(path, error instanceof Error ? error.message : "it cannot be read");
  }
}

/** English, with what the file says instead. */
function translated(english: Tree, said: unknown, key: string, path: string): Tree {
  if (said === null || typeof said !== "object" || Array.isArray(said))
    throw bad(path, `${key === "" ? "the whole" : key} has to be an object`);
  const given = new Map(Object.entries(said));
  const unknown = [...given.keys()].find((name) => !Object.hasOwn(english, name));
  if (unknown !== undefined) throw bad(path, `English has no ${[key, unknown].filter(Boolean).join(".")}`);
  return Object.fromEntries(
    Object.entries(english).map(([name, leaf]) => {
      const own = key === "" ? name : `${key}.${name}`;
      const text = given.get(name);
      if (text === undefined) return [name, leaf];
      return [name, isTree(leaf) ? translated(leaf, text, own, path) : leafOf(leaf, text, own, path)];
    }),
  );
}

function isTree(leaf: Leaf | Tree): leaf is Tree {
  return typeof leaf === "object" && !Array.isArray(leaf);
}

function leafOf(english: Leaf, said: unknown, key: string, path: string): Leaf {
  if (Array.isArray(english)) {
    const isLike = Array.isArray(said) && said.length === english.length && said.every(isText);
    if (!isLike) throw bad(path, `${key} has to be ${english.length} texts`);
    return said;
  }
  if (!isText(said)) throw bad(path, `${key} has to be a text of at most ${TEXT_LENGTH_MAX} characters`);
  if (typeof english !== "function") return said;
  try {
    return compileTemplate(said, english.length);
  } catch (error) {
    throw bad(path, `${key}: ${(error as Error).message}`);
  }
}

function isText(said: unknown): said is string {
  return typeof said === "string" && said.length <= TEXT_LENGTH_MAX;
}

/** Each is typed alone, and means one command; the English ones are understood by everybody. */
function checkWords({ words }: Texts, path: string): void {
  const seen = new Map<string, string>();
  for (const [command, word] of Object.entries(words)) {
    if (!WORD.test(word)) throw bad(path, `words.${command} has to be one word`);
    const other = seen.get(plain(word));
    if (other !== undefined) throw bad(path, `words.${command} and words.${other} are the same word`);
    seen.set(plain(word), command);
  }
  for (const [command, word] of Object.entries(en.words)) {
    const other = seen.get(plain(word));
    if (other !== undefined && other !== command)
      throw bad(path, `words.${other} is English for words.${command}`);
  }
}

/** Every language's are understood by everybody: who declines with one must not agree with another. */
function checkAnswers({ yes, no }: Texts, spoken: readonly Texts[], path: string): void {
  for (const [key, word] of [["yes", yes] as const, ["no", no] as const]) {
    if (!WORD.test(word)) throw bad(path, `${key} has to be one word`);
  }
  if (yes.toLowerCase() === no.toLowerCase()) throw bad(path, "yes and no are the same word");
  const opposed = spoken.find(
    (other) => other.yes.toLowerCase() === no.toLowerCase() || other.no.toLowerCase() === yes.toLowerCase(),
  );
  if (opposed !== undefined) throw bad(path, `${yes} and ${no} are the other way round in ${opposed.name}`);
}

function bad(path: string, why: string): TroupeError {
  return new TroupeError(
    { code: "GATEWAY_XMPP_LANGUAGE" },
    `${path} is no catalogue of a language: ${why}. docs/xmpp-catalogue.json is English as such a file.`,
  );
}
