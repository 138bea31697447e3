import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TroupeError } from "../../../runtime/errors.ts";
import { DoorUnderTest, TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { RawClient, type Reply } from "../../../tests/harness/electrum/raw-client.ts";
import type { MempoolHandlers } from "../../../tests/harness/gateway/electrum.ts";
import { RecordedStages } from "../../../tests/harness/gateway/recorded-stages.ts";

interface WireCase {
  readonly name: string;
  readonly exchanges: readonly (readonly [sent: string, answer: string])[];
  readonly after: string;
}

const { cases } = JSON.parse(
  readFileSync(new URL("../../../tests/vectors/electrum-wire.json", import.meta.url), "utf8"),
) as { cases: readonly WireCase[] };

/** Cases that are about the greeting itself, and those that were recorded after a greeting for 1.6. */
const UNGREETED = /^(version|range|extra args|named$|too low|too high|garbage|twice|not first|old client)/;
const GREETED_1_6 = /^(1\.6 |package (bad type|garbage)|estimatefee (mode|badmode))/;
const NO_REPLY = "<no reply 3s>";

/** Where we mean to differ from what was recorded, and what we answer there. */
const OURS: Readonly<Record<string, unknown>> = {
  // Two notifications that crash very old wallets are not sent before the refusal.
  "not first": { error: { code: 1, message: "use server.version to identify client" }, id: 1 },
  "old client 3.1": { error: { code: 1, message: "unsupported protocol version: 1.2" }, id: 1 },
  // We never insist on the member, as other servers do not.
  "no jsonrpc": { result: null, id: 1 },
  // Not a Python exception, and the index has a text of its own.
  "tx unknown": {
    error: {
      code: 2,
      message: expect.stringContaining("o such mempool or blockchain transaction"),
      data: { code: -5 },
    },
    id: 1,
  },
  "pos h oob": { error: { code: 1, message: expect.stringContaining("10,400") }, id: 1 },
  features: {
    result: expect.objectContaining({
      hosts: {},
      pruning: null,
      protocol_min: "1.4",
      hash_function: "sha256",
    }),
    id: 1,
  },
  banner: { result: expect.any(String), id: 1 },
};

/** Names and versions differ, and so may the spaces that hide sizes. */
function expected({ name }: WireCase, recorded: string): unknown {
  const ours = OURS[name];
  if (ours !== undefined) return { jsonrpc: "2.0", ...(ours as object) };
  return JSON.parse(recorded.replaceAll("ElectrumX 2.0b1", "Troupe test").replaceAll('"1.6.0"', '"1.6"'));
}

/** A node that estimates nothing, knows no other transactions and takes none. */
const node: MempoolHandlers = {
  relayFees: () => ({
    mempoolSatPerKvb: 100,
    relaySatPerKvb: 100,
    incrementalSatPerKvb: 100,
  }),
  feeEstimates: ({ targets }) => ({ results: targets.map(() => null) }),
  rawTransactions: ({ txids }) => ({ results: txids.map(() => null) }),
  broadcastPackage: () => {
    const reason = "TX decode failed: 00 Make sure the tx has at least one input.";
    throw new TroupeError({ code: "MEMPOOL_REFUSED", kind: "invalid", rpcCode: -22, reason }, "refused");
  },
};

describe("recorded exchanges with ElectrumX", () => {
  let stages: RecordedStages;
  let under: DoorUnderTest;

  beforeAll(async () => {
    stages = await RecordedStages.start(node);
    await stages.to("S5");
    under = await DoorUnderTest.open({ methods: stages.under.half });
  });

  afterAll(async () => {
    await under.close();
    await stages.stop();
  });

  describe.each(TEST_CARRIERS)("over %s", (carrier) => {
    it.each(
      cases
        // A WebSocket's text that is not UTF-8 has to end it.
        .filter(({ name }) => name !== "bad utf8" || !carrier.startsWith("w"))
        .map((one) => [one.name, one] as const),
    )("%s", async (name, one) => {
      const client = UNGREETED.test(name)
        ? await RawClient.connect(under.target(carrier))
        : await RawClient.greeted(under.target(carrier), GREETED_1_6.test(name) ? ["1.4", "1.6"] : "1.4");
      for (const [sent, recorded] of one.exchanges) {
        client.say(Buffer.from(sent, name === "bad utf8" ? "latin1" : "utf8"));
        if (recorded === NO_REPLY) continue;
        expect(await client.next<Reply>()).toEqual(expected(one, recorded));
      }
      if (one.after !== "open") await client.closed();
      else
        expect(await client.exchange('{"jsonrpc":"2.0","id":"still","method":"server.ping"}')).toMatchObject({
          id: "still",
        });
      client.close();
    });
  });
});
