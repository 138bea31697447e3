/** Peers that say anything at all: whatever it is, it ends in findings or in a failure of theirs, and nothing stays open. */

import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ManualClock } from "../../../../runtime/clock.ts";
import { featuresOf, GENESIS, headerAt, OUR_HEIGHT } from "../../../../tests/harness/electrum/peers.ts";
import { version } from "../protocol-version.ts";
import { checkPeer } from "./peer-check.ts";
import { PeerConversation, PeerFailure } from "./peer-conversation.ts";
import { hostOf, type PeerHost } from "./peer-host.ts";

const NAME = "one.example";

function check(ask: (method: string, params: readonly unknown[]) => Promise<unknown>) {
  return checkPeer({
    ask,
    host: hostOf(NAME) as PeerHost,
    chain: {
      tip: () => ({ height: OUR_HEIGHT, hash: "00", header: headerAt(OUR_HEIGHT) }),
      headerAt: async (height) => headerAt(height),
    },
    genesisHash: GENESIS,
    software: "Troupe test",
    range: { min: version("1.4"), max: version("1.6") },
    defaultPorts: { tcp: 50_001, tls: 50_002 },
  });
}

const HONEST: Readonly<Record<string, (params: readonly unknown[]) => unknown>> = {
  "server.version": () => ["Honest 1.0", "1.6"],
  "server.features": () => featuresOf(NAME),
  "blockchain.headers.subscribe": () => ({ height: OUR_HEIGHT, hex: headerAt(OUR_HEIGHT) }),
  "blockchain.block.header": ([height]) => headerAt(height as number),
  "server.peers.subscribe": () => [["11.1.0.1", "two.example", ["v1.6", "t50001"]]],
};

/** Something else in a random place of an honest answer, or in its stead. */
function changed(answer: unknown, other: unknown, at: number): unknown {
  if (typeof answer !== "object" || answer === null || at === 0) return other;
  const keys = Object.keys(answer);
  const key = keys[at % keys.length] ?? "";
  const copy: Record<string, unknown> = { ...(answer as Record<string, unknown>) };
  copy[key] = changed(copy[key], other, Math.floor(at / 7));
  return Array.isArray(answer) ? Object.values(copy) : copy;
}

it("answers of any JSON, in place of honest ones or within them, are found good or refused, and never believed by half", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(HONEST)),
      fc.jsonValue({ maxDepth: 4 }),
      fc.nat(1_000),
      async (liar, other, at) => {
        const ask = async (method: string, params: readonly unknown[]) => {
          const answer = HONEST[method]?.(params);
          return method === liar ? changed(answer, other, at) : answer;
        };
        try {
          const { software, ports, peers, protocolMax } = await check(ask);
          expect(software.length).toBeLessThanOrEqual(100);
          expect(protocolMax === null || /^[\d.]{1,19}$/.test(protocolMax)).toBe(true);
          expect(ports.tcp !== null || ports.tls !== null).toBe(true);
          for (const { host } of peers) expect(hostOf(host.text)).toEqual(host);
        } catch (error) {
          expect(error).toBeInstanceOf(PeerFailure);
          expect((error as Error).message.length).toBeLessThan(300);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

it("bytes of any kind, in pieces of any size, end in a failure of the peer and a closed connection", async () => {
  const message = fc.record({
    id: fc.oneof(fc.nat(5), fc.jsonValue({ maxDepth: 1 })),
    result: fc.jsonValue({ maxDepth: 2 }),
    error: fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }),
  });
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    message.map((each) => Buffer.from(`${JSON.stringify(each)}\n`)),
    message.map((each) => Buffer.from(`${JSON.stringify(each)}\n`).subarray(0, 9)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
      const clock = new ManualClock();
      const talk = new PeerConversation(socket as Socket, clock, 1_000);
      const looking = check((method, params) => talk.ask(method, params)).then(
        () => undefined,
        (error: unknown) => error,
      );
      for (const each of pieces) {
        if (!socket.destroyed) socket.push(each);
        await new Promise((resolve) => setImmediate(resolve));
      }
      clock.advance(1_000);
      const found = await looking;
      talk.close();
      if (found !== undefined) expect(found).toBeInstanceOf(PeerFailure);
      expect(socket.destroyed).toBe(true);
    }),
    { numRuns: 300 },
  );
});
