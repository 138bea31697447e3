/** Tests of the tree of patterns against the definition of matching. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "../subject.ts";
import { SubjectTrie } from "./subject-trie.ts";

const token = fc.constantFrom("a", "b", "c");
const subject = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join("."));
const pattern = fc
  .tuple(fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 3 }), fc.constantFrom("a", "b", "*", ">"))
  .map(([head, last]) => [...head, last].join("."));

describe("SubjectTrie", () => {
  it("finds exactly the patterns that take the subject", () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern), subject, (patterns, wanted) => {
        const trie = new SubjectTrie<string>();
        for (const each of patterns) trie.add(each, each);

        const found: string[] = [];
        trie.collect(wanted, found);

        const expected = patterns.filter((each) => matches(each, wanted));
        expect(found.sort()).toEqual(expected.sort());
        expect(trie.has(wanted)).toBe(expected.length > 0);
      }),
    );
  });

  it("is empty again when everything has been taken out", () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern), fc.uniqueArray(pattern), (kept, dropped) => {
        const trie = new SubjectTrie<string>();
        for (const each of [...kept, ...dropped]) trie.add(each, each);

        for (const each of dropped) trie.remove(each, each);
        for (const each of kept) trie.remove(each, each);
        trie.remove("never.there", "x");

        expect(trie.isEmpty).toBe(true);
      }),
    );
  });

  it("keeps two values at one pattern apart", () => {
    const trie = new SubjectTrie<number>();
    trie.add("a.*", 1);
    trie.add("a.*", 2);

    trie.remove("a.*", 1);

    const found: number[] = [];
    trie.collect("a.b", found);
    expect(found).toEqual([2]);
  });
});
