/** The longest things that a coinjoin says still fit the lines of all peers, signed, sealed and in base64 twice. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { serializeStripped, type Transaction } from "../../bitcoin/transaction.ts";
import { encodeLine } from "../channel/onion/line.ts";
import { NickIdentity } from "../nick/identity.ts";
import { signPrivate } from "../nick/signed-message.ts";
import { BoxKeys } from "./box.ts";
import { writeBytes, writePush } from "./bytes.ts";
import { writeCommand } from "./command.ts";

const MAKERS_MAX = 20;
const COINS_MAX = 15;
const PRIVATE = 685;

/** Of so many participants, each with so many coins: outputs and change for each. */
function coinjoinOf(participants: number, coins: number): Transaction {
  return {
    version: 2,
    inputs: Array.from({ length: participants * coins }, (_, index) => ({
      previousTxidBytes: randomBytes(32),
      previousIndex: index,
      scriptSig: new Uint8Array(0),
      sequence: 0xffff_fffe,
      witness: [],
    })),
    outputs: Array.from({ length: 2 * participants }, () => ({
      amountSat: 50_000_000n,
      scriptPubKey: new Uint8Array([0, 20, ...randomBytes(20)]),
    })),
    locktime: 800_000,
  };
}

/** As it goes out on the onion channel, or nothing if no peer would read it. */
function lineOf(text: string) {
  const [from, to] = [NickIdentity.random(), NickIdentity.random()];
  return encodeLine(PRIVATE, `${from.nick}!${to.nick}!${signPrivate(from, text, "onion-network")}`);
}

it("a transaction of any coinjoin that we make goes to a maker in one line", () => {
  const keys = new BoxKeys((length) => randomBytes(length));
  const box = keys.boxWith(new BoxKeys((length) => randomBytes(length)).publicKey);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: MAKERS_MAX }),
      fc.integer({ min: 1, max: COINS_MAX }),
      (makers, coins) => {
        const plain = writeBytes(serializeStripped(coinjoinOf(makers + 1, coins)));
        expect(lineOf(writeCommand("tx", box.seal(plain)))).toBeDefined();
      },
    ),
    { numRuns: 20, examples: [[MAKERS_MAX, COINS_MAX]] },
  );
});

it("a signed transaction is asked to be sent in one line, or not at all", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60_000 }), (lengthBytes) => {
      const push = writePush(new Uint8Array(lengthBytes));
      if (push !== undefined) expect(lineOf(push)).toBeDefined();
      else expect(lengthBytes).toBeGreaterThan(29_000);
    }),
    { numRuns: 60, examples: [[29_600], [29_700], [29_800]] },
  );
});
