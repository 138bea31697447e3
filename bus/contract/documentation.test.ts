import { expect, test } from "vitest";
import { z } from "zod";
import { indexerLike, likeContracts, walletdLike } from "../../tests/harness/contracts.ts";
import { allContracts } from "../contracts/all.ts";
import { contract } from "./contract.ts";
import { busJson, busMarkdown } from "./documentation.ts";
import { contractHash, methodHash } from "./hash.ts";

const declared = {
  doc: "Words.",
  input: z.object({ a: z.int().describe("words"), b: z.string().optional() }),
  output: z.object({}),
  deadlineMs: 1_000,
  idempotency: "idempotent" as const,
  callers: ["gateway"],
};

test("the page has one row per request, event and state, and names refusals and callers", () => {
  const page = busMarkdown(likeContracts);

  expect(page).toContain(
    "| `signTx` | maker, taker | 20 s | with its key | `{psbt, feeSat?}` → `{signatures}` | `WALLETD_UTXO_UNKNOWN` | Signs our inputs of a proposal. |",
  );
  expect(page).toContain(
    "| `rows` | gateway | 10 s | yes | bytes → bytes | – | Rows of the index, packed. |",
  );
  expect(page).toContain(
    "| event | `scripthash.touched.<key>` | gateway | `{hashes}` | Scripthashes of one shard. |",
  );
  expect(page).toContain("| state | `status` | all | `{isLocked}` | Locked or not. |");
  expect(page).toContain("`BUS_UNAVAILABLE`");
});

test("the file for programs has every subject, schema and permission, and is the same each time", () => {
  const file = JSON.parse(busJson(likeContracts));
  const walletd = file.contracts.find(({ name }: { name: string }) => name === "walletd");

  expect(walletd.requests.signTx).toMatchObject({
    subject: "troupe.v1.rpc.walletd.<inst>.signTx.<caller>",
    hash: methodHash("walletd", "signTx", walletdLike.rpcs.signTx),
    input: { type: "object", required: ["psbt"] },
    errors: { WALLETD_UTXO_UNKNOWN: { type: "object" } },
  });
  expect(Object.keys(walletd.requests)).toEqual(["balances", "signTx", "unlock", "health", "snapshot"]);
  expect(file.users.operator.publish.allow).toEqual(["$SRV.>", "troupe.v1.rpc.walletd.*.snapshot.operator"]);
  expect(busJson(likeContracts)).toBe(busJson(likeContracts));
});

test("the contracts of this release can all be documented", () => {
  for (const { name } of allContracts) expect(busMarkdown(allContracts)).toContain(`## ${name} `);
  expect(() => JSON.parse(busJson(allContracts))).not.toThrow();
});

test("a hash changes with what travels and not with the words about it", () => {
  const hash = methodHash("x", "ask", declared);

  expect(methodHash("x", "ask", { ...declared, doc: "Other.", deadlineMs: 9, callers: [] })).toBe(hash);
  expect(
    methodHash("x", "ask", { ...declared, input: z.object({ b: z.string().optional(), a: z.int() }) }),
  ).toBe(hash);
  const others = [
    methodHash("y", "ask", declared),
    methodHash("x", "tell", declared),
    methodHash("x", "ask", { ...declared, input: z.object({ a: z.number(), b: z.string().optional() }) }),
    methodHash("x", "ask", { ...declared, output: z.object({ title: z.string() }) }),
    methodHash("x", "ask", { ...declared, idempotency: "key" }),
    methodHash("x", "ask", { ...declared, errors: { X_NO: z.object({}) } }),
  ];
  expect(new Set([hash, ...others]).size).toBe(7);
  expect(hash).toMatch(/^[0-9a-f]{8}$/);
});

test("a field that is called like a word for people counts", () => {
  const withField = (field: string) =>
    methodHash("x", "ask", { ...declared, output: z.object({ [field]: z.int() }) });

  expect(withField("title")).not.toBe(withField("description"));
});

test("a contract's hash covers its events and states", () => {
  const base = contract("x", { semver: "1.0.0", doc: "x", instances: "any" });
  const event = { doc: "x", body: z.object({}), readers: [] };
  const hashes = [
    base,
    base.event("e", event),
    base.event("e", { ...event, keyed: true }),
    base.state("e", event),
    indexerLike,
  ];

  expect(new Set(hashes.map(contractHash)).size).toBe(5);
});

test("a schema that JSON cannot carry is refused", () => {
  expect(() => methodHash("x", "ask", { ...declared, output: z.object({ at: z.date() }) })).toThrow();
  expect(() => methodHash("x", "ask", { ...declared, output: z.bigint() })).toThrow();
});
