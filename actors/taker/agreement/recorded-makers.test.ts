/** Makers of joinmarket-ng and joinmarket-clientserver say again what they said: our side says the same to the byte. */
import { expect, it } from "vitest";
import { bytesToHex, hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { parseTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import { checkMakerAnswer } from "../../../joinmarket/coinjoin/taker-check.ts";
import { BoxKeys } from "../../../joinmarket/messages/box.ts";
import { parseBytes } from "../../../joinmarket/messages/bytes.ts";
import { readCommands } from "../../../joinmarket/messages/command.ts";
import { parseFill, parseMakerKey } from "../../../joinmarket/messages/fill.ts";
import { isOfferType, readOffer } from "../../../joinmarket/offer/offer.ts";
import { candidatesFor } from "../../../joinmarket/orderbook/candidates.ts";
import { Orderbook } from "../../../joinmarket/orderbook/orderbook.ts";
import { verifyOpening } from "../../../joinmarket/podle/commitment.ts";
import { parseRevelation } from "../../../joinmarket/podle/revelation.ts";
import {
  commandOf,
  confirmedTransaction,
  drawnAsThen,
  type RecordedCoinjoin,
  recordedCoinjoins,
} from "../../../tests/harness/joinmarket/recorded-coinjoins.ts";
import { Conversation } from "./conversation.ts";

/** What joinmarket-ng's takers pay at most by default. */
const LIMITS = { mode: "each", absoluteSat: 500, relative: { numerator: 1n, denominator: 1_000n } } as const;

/** What we had sealed for that maker, opened again. */
function opened(recorded: RecordedCoinjoin, peer: number, name: string): string {
  const of = (us: boolean, command: string) =>
    recorded.lines.find((line) => line.peer === peer && line.us === us && commandOf(line) === command)
      ?.text ?? "";
  const [theirKey] = readCommands(of(false, "pubkey"));
  if (theirKey === undefined) throw new Error("a maker without a key");
  const box = new BoxKeys(() => hexToBytes(recorded.boxSecretKey)).boxWith(
    parseMakerKey(theirKey).encryptionKey,
  );
  const text = box.open(of(true, name).split(" ")[1] ?? "");
  if (text === undefined) throw new Error(`our ${name} cannot be opened`);
  return text;
}

function replayed(recorded: RecordedCoinjoin) {
  const { lines, peers, transaction } = recorded;
  const fillLine = lines.find((line) => line.us && commandOf(line) === "fill");
  const [fillCommand] = readCommands(fillLine?.text ?? "");
  if (fillCommand === undefined) throw new Error("nobody was asked");
  const fill = parseFill(fillCommand);
  const revelation = opened(recorded, 0, "auth");
  const proposed = parseTransaction(parseBytes("tx", opened(recorded, 0, "tx")));

  const book = new Orderbook({ nowMs: () => 0, staleMs: 1 });
  for (const { us, peer, text } of lines) {
    for (const command of us ? [] : readCommands(text)) {
      const { name } = command;
      if (isOfferType(name)) book.put(peers[peer] ?? "", readOffer({ ...command, name }));
    }
  }
  const rules = { amountSat: fill.amountSat, limits: LIMITS, ignored: new Set<string>(), bonds: new Map() };
  const candidates = candidatesFor(book.makers(), rules);

  const said: string[] = [];
  const outpoints = new Set<string>();
  const scripts = new Set<string>();
  const keys = new BoxKeys(drawnAsThen(recorded));
  const talks = peers.map((nick, number) => {
    const candidate = candidates.find((one) => one.nick === nick);
    if (candidate === undefined) throw new Error("a maker whose offer is not taken");
    return new Conversation(candidate, {
      keys,
      amountSat: fill.amountSat,
      commitment: fill.commitment,
      revelation,
      extended: async () => undefined,
      tell: async (text) => void said.push(`${number} ${text}`),
      judge: async (answer, { coins }) => {
        const known = coins.map(({ txid, vout }) => {
          const coin = transaction.spends.find((one) => one.txid === txid && one.vout === vout);
          if (coin === undefined) return undefined;
          const { valueSat, script } = coin;
          return {
            txid: parseTxid(txid),
            vout,
            valueSat,
            scriptPubKey: hexToBytes(script),
            confirmations: 1,
          };
        });
        const { amountSat } = fill;
        const verdict = checkMakerAnswer(
          { ...answer, coins: known },
          { network: regtest, amountSat, inputsMax: 15, outpoints, scripts },
        );
        if (verdict.isGood) for (const outpoint of verdict.outpoints) outpoints.add(outpoint);
        return verdict;
      },
      changed: () => undefined,
    });
  });
  return { fill, revelation, proposed, said, talks };
}

const withoutWitnesses = (transaction: Transaction): Transaction => ({
  ...transaction,
  inputs: transaction.inputs.map((input) => ({ ...input, scriptSig: new Uint8Array(0), witness: [] })),
});

it.each(recordedCoinjoins("taker").map((recorded) => [recorded.about, recorded] as const))(
  "%s is made again with our taker",
  async (_about, recorded) => {
    const { fill, revelation, proposed, said, talks } = replayed(recorded);
    const final = confirmedTransaction(recorded);
    let isShown = false;
    const expected: string[] = [];
    for (const line of recorded.lines) {
      const talk = talks[line.peer];
      if (talk === undefined) throw new Error("a line of nobody");
      const name = commandOf(line);
      if (line.us) {
        expected.push(`${line.peer} ${line.text}`);
        if (name === "fill") talk.ask();
        if (name === "tx") {
          if (!isShown)
            expect(talks.map(({ state, fault }) => fault ?? state)).toEqual(talks.map(() => "good"));
          isShown = true;
          talk.askSignature(proposed);
        }
        expect(said).toEqual(expected);
      } else {
        for (const command of readCommands(line.text)) talk.hear(command);
        await Promise.resolve();
        await Promise.resolve();
      }
    }

    expect(talks.map(({ state, fault }) => fault ?? state)).toEqual(talks.map(() => "signed"));
    expect(verifyOpening(parseRevelation(revelation), fill.commitment.slice(1))).toBe(0);
    expect(withoutWitnesses(proposed)).toEqual(withoutWitnesses(final));
    for (const { signed, part, candidate } of talks) {
      for (const { index, witness } of signed) expect(final.inputs[index]?.witness).toEqual(witness);
      const [changeSat] = final.outputs
        .filter(
          ({ scriptPubKey }) => bytesToHex(scriptPubKey) === bytesToHex(part?.changeScript ?? scriptPubKey),
        )
        .map(({ amountSat }) => Number(amountSat));
      const broughtSat = part?.coins.reduce((sum, { valueSat }) => sum + valueSat, 0) ?? 0;
      expect(changeSat).toBe(broughtSat - fill.amountSat + candidate.feeSat);
    }
  },
);
