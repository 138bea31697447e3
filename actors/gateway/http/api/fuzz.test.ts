import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RAW_TX } from "../../../../tests/harness/gateway/raw-tx.ts";
import { coinOf, WalletDoor } from "../../../../tests/harness/gateway/wallet-door.ts";

const ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
/** Whatever comes, one of these is the answer; 500 is none of them. */
const STATUSES = [200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 413, 421, 431, 501, 503];

let door: WalletDoor;
let token: string;
let paths: string[];

beforeAll(async () => {
  door = await WalletDoor.start({
    config: { wallet_requests_per_minute: 1_000_000 },
    handlers: {
      display: () => ({ tip: null, totalSat: 0, availableSat: 0, accounts: [] }),
      bondAddress: ({ lockDate }) => ({ address: ADDRESS, path: lockDate, locktimeS: 0, script: "" }),
      signMessage: () => ({ signature: "", address: ADDRESS }),
      history: () => ({ total: 0, entries: [], unsent: [] }),
      historyCsv: () => ({ text: "" }),
      yieldReport: () => ({ lines: null }),
      send: () => ({
        transaction: {
          txid: "ab".repeat(32),
          rawTx: RAW_TX,
          version: 1,
          locktime: 0,
          inputs: [],
          outputs: [],
        },
        feeSat: 1,
        sizeVb: 1,
        satPerVb: 1,
        changeSat: 0,
        mixdepth: 0,
        isSent: true,
        replaces: null,
      }),
    },
  });
  door.coins = [coinOf()];
  ({ token } = await door.create());
  const { json } = await door.ask("/openapi.json");
  // Locking would end the test of all that wants a token.
  paths = Object.keys(json.paths).filter((path) => !path.endsWith("/lock"));
});
afterAll(() => door.stop());

/** Values that some handler may look at: near what is wanted, and far from it. */
const value = fc.oneof(
  fc.constantFrom(
    "0",
    0,
    -1,
    1e300,
    "abc",
    true,
    null,
    "rec.jmdat",
    "sw-fb",
    "POLICY",
    "tx_fees",
    `${"ab".repeat(32)}:0`,
  ),
  fc.constantFrom(ADDRESS, "__proto__", "../x.jmdat", "\0", "%", "𝒳"),
  fc.jsonValue({ maxDepth: 4 }),
);
const KEYS = [
  ...[
    "walletname",
    "password",
    "wallettype",
    "seedphrase",
    "section",
    "field",
    "value",
    "utxo-string",
    "freeze",
  ],
  ...[
    "mixdepth",
    "amount_sats",
    "destination",
    "txfee",
    "counterparties",
    "hd_path",
    "message",
    "input_utxos",
  ],
  ...["grant_type", "refresh_token", "destination_addresses", "destinations", "parameters", "__proto__"],
];
const body = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 8 })
      .map((made) => JSON.stringify(made)),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
);
const part = fc.oneof(
  fc.constantFrom("rec.jmdat", "0", "2030-01", "x"),
  fc.string({ unit: "binary", minLength: 1 }).map((text) => encodeURIComponent(text.replace(/\p{Cs}/gu, ""))),
  fc.string({ minLength: 1 }).map((text) => text.replace(/[^!-~]|[#?]/g, "_")),
);

describe("whatever is sent to the wallet door", () => {
  it("is answered in a known way, as JSON, and nothing is left of it", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        part,
        part,
        fc.constantFrom("GET", "POST", "DELETE", "PUT", "OPTIONS"),
        body,
        fc.option(fc.constantFrom("good", "bad", "Basic eDp5")),
        async (at, name, parameter, method, sent, authorization) => {
          const path = (paths[at % paths.length] ?? "")
            .replace("{walletname}", name || "_")
            .replace(/\{\w+\}/, parameter || "_");
          const headers: Record<string, string> = {};
          if (authorization === "good") headers["x-jm-authorization"] = `Bearer ${token}`;
          else if (authorization !== null) headers["authorization"] = authorization;
          const answer = await door.ask(path, { method, body: sent, headers });
          expect(STATUSES, `${method} ${path} ${sent} -> ${answer.status} ${answer.text}`).toContain(
            answer.status,
          );
          // Tables and the log are texts.
          const isText = answer.status === 200 && /^text\//.test(answer.headers["content-type"] ?? "");
          if (answer.text !== "" && !isText) expect(answer.json, answer.text).toBeDefined();
        },
      ),
      { numRuns: 600 },
    );
    expect(({} as { password?: unknown }).password).toBeUndefined();
    expect([...door.wallets.keys()].every((name) => !/[/\\\0]|^\./.test(name))).toBe(true);
    expect((await door.ask("/session", { token })).status).toBe(200);
  });
});
