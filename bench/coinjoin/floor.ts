/** The least that a coinjoin of this size can take on this machine: its cryptography alone, and the market's round trips alone. */
import { randomBytes } from "node:crypto";
import { parseTxid } from "../../bitcoin/bytes.ts";
import { signInputs } from "../../bitcoin/signing/inputs.ts";
import type { Market } from "../../joinmarket/channel/market.ts";
import { BoxKeys } from "../../joinmarket/messages/box.ts";
import { vouchFor } from "../../joinmarket/messages/inputs.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import { signPrivate } from "../../joinmarket/nick/signed-message.ts";
import { makeCommitment, verifyOpening } from "../../joinmarket/podle/commitment.ts";
import { keyNumber, scriptNumber } from "../../tests/harness/joinmarket/parties.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";

/** What both sides say in private: offers, fill, pubkey, auth, ioauth, tx, and a signature; each is signed once and checked once. */
const MESSAGES = 7;
const SETTLE_MS = 500;
/** Question and answer, one after the other: orderbook, fill, auth, tx. */
export const ROUND_TRIPS = 4;

/** Milliseconds of one core for one coinjoin with so many makers, of both sides together: all of it runs here in one process. */
export function cryptoMs(makers: number): number {
  const coin = {
    txid: parseTxid("ab".repeat(32)),
    vout: 0,
    valueSat: 100_000_000,
    scriptPubKey: scriptNumber(1),
    privateKey: keyNumber(1),
  };
  const identity = NickIdentity.random();
  const transaction = {
    version: 2,
    inputs: Array.from({ length: makers + 1 }, (_, i) => ({
      previousTxidBytes: new Uint8Array(32).fill(i + 1),
      previousIndex: 0,
      scriptSig: new Uint8Array(0),
      sequence: 0xffff_fffe,
      witness: [],
    })),
    outputs: Array.from({ length: 2 * (makers + 1) }, (_, i) => ({
      amountSat: 50_000_000n,
      scriptPubKey: scriptNumber(i),
    })),
    locktime: 0,
  };
  const spent = { amountSat: 100_000_000n, scriptPubKey: scriptNumber(1) };
  const startMs = performance.now();
  const { commitment, opening } = makeCommitment(coin, 0);
  const takerKeys = new BoxKeys(randomBytes);
  for (let maker = 0; maker < makers; maker++) {
    const keys = new BoxKeys(randomBytes);
    const theirs = keys.boxWith(takerKeys.publicKey);
    const ours = takerKeys.boxWith(keys.publicKey);
    for (let message = 0; message < 4; message++) ours.open(theirs.seal("x".repeat(400)));
    verifyOpening(opening, commitment, 3);
    vouchFor(keys.publicKey, coin.privateKey);
    for (let message = 0; message < 2 * MESSAGES; message++) {
      signPrivate(identity, `fill ${"x".repeat(400)}`, "onion-network");
    }
    signInputs(transaction, [{ index: maker, spent, privateKey: coin.privateKey }]);
    // Once to check it for the taker: a check costs what a signature costs.
    signInputs(transaction, [{ index: maker, spent, privateKey: coin.privateKey }]);
  }
  signInputs(transaction, [{ index: makers, spent, privateKey: coin.privateKey }]);
  return performance.now() - startMs;
}

/** One private question and its answer by the directory node, while nothing else goes on. */
export async function roundTripMs(asker: Market, answerer: Market, rounds: number): Promise<number> {
  let answers = 0;
  await answerer.start({
    // It may not know the asker yet.
    onPrivate: ({ from }) => void answerer.tell(from, "pubkey x").catch(() => undefined),
  });
  let onAnswer = () => {};
  await asker.start({
    onPrivate: () => {
      answers++;
      onAnswer();
    },
  });
  // Peers know each other by what they say in public.
  answerer.announce("sw0absoffer 0 27300 100000 0 0");
  asker.announce("orderbook");
  await waitFor("the two bots to know each other", () => {
    asker.tell(answerer.nick, "fill x").catch(() => undefined);
    return answers > 0;
  });
  // Those that are still on their way.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const startMs = performance.now();
  for (let round = 0; round < rounds; round++) {
    const answered = new Promise<void>((resolve) => {
      onAnswer = resolve;
    });
    await asker.tell(answerer.nick, `fill ${round}`);
    await answered;
  }
  return (performance.now() - startMs) / rounds;
}
