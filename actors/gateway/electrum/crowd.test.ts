/** A crowd of clients on every carrier, each with one subscription, and a block that touches them all. */
import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { p2wpkhScript } from "../../../bitcoin/script/script.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { txidOf } from "../../../bitcoin/transaction.ts";
import { payment } from "../../../tests/harness/chain/model-chain.ts";
import { TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import type { TestCarrier } from "../../../tests/harness/electrum/raw-client.ts";
import { LivingChain } from "../../../tests/harness/gateway/living-chain.ts";
import { type WireSession, WireSessions } from "../../../tests/harness/gateway/wire-sessions.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

/** Over all carriers together. Each needs two open files here: its own end and the door's. */
const CLIENTS = Number(process.env["TROUPE_ELECTRUM_CLIENTS"] ?? 1_000);
/** Handshakes of TLS take most of it, at both ends. */
const LIMIT_MS = 60_000 + 60 * CLIENTS;
/** That greet at once: more would only fill the queues in which connections wait. */
const AT_ONCE = 50;

interface Member {
  readonly hash: string;
  readonly session: WireSession;
}

const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function member(sessions: WireSessions, carrier: TestCarrier, script: Uint8Array): Promise<Member> {
  const hash = scriptHashOf(script);
  const session = await sessions.session("1.6", carrier);
  await session.call("blockchain.headers.subscribe");
  expect(await session.call("blockchain.scripthash.subscribe", [hash])).toBeNull();
  return { hash, session };
}

describe(`${CLIENTS} clients on all carriers, with one subscription each`, () => {
  it(
    "are all told of a block that touches them all: the header, then their own script, once",
    async () => {
      const random = new Randomness(33);
      const life = await LivingChain.start(() => random.fraction());
      opened.push(() => life.stop());
      const sessions = await WireSessions.openAll(life.under.half, {
        config: { electrum_connections_max: CLIENTS, electrum_trusted_addresses: ["127.0.0.0/8"] },
      });
      opened.push(() => sessions.close());
      const scripts = Array.from({ length: CLIENTS }, (_, i) =>
        p2wpkhScript(createHash("sha256").update(`client ${i}`).digest().subarray(0, 20)),
      );
      const crowd: Member[] = [];
      for (let from = 0; from < CLIENTS; from += AT_ONCE) {
        const some = scripts.slice(from, from + AT_ONCE).map((script, i) => {
          const carrier = TEST_CARRIERS[(from + i) % TEST_CARRIERS.length] as TestCarrier;
          return member(sessions, carrier, script);
        });
        crowd.push(...(await Promise.all(some)));
      }
      expect([...sessions.under.door.sessionsByCarrier().values()]).toEqual(
        TEST_CARRIERS.map(() => CLIENTS / TEST_CARRIERS.length),
      );

      const paid = payment(life.chain.coins()[0], scripts);
      life.chain.mineThese([paid]);
      life.tellTip();
      const { height } = life.chain;
      await waitFor("all to be told of their script", () =>
        crowd.every(({ session, hash }) => session.statusesOf(hash).length > 0),
      );

      const text = `${txidOf(paid)}:${height}:`;
      const status = createHash("sha256").update(text).digest("hex");
      for (const { session, hash } of crowd) {
        expect(session.heights()).toEqual([height]);
        expect(session.statusesOf(hash)).toEqual([status]);
        expect(session.notifications[0]?.method).toBe("blockchain.headers.subscribe");
      }
      expect(sessions.subscriptions).toBe(2 * CLIENTS);
    },
    LIMIT_MS,
  );
});
