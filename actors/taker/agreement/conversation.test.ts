/** The form of a coin that is shown to a maker, and of those that a maker names: only as much as each of them reads. */
import { expect, it } from "vitest";
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { BoxKeys } from "../../../joinmarket/messages/box.ts";
import { readCommands, sealedOf, writeCommand } from "../../../joinmarket/messages/command.ts";
import { EXTENDED_COINS, writeMakerKey } from "../../../joinmarket/messages/fill.ts";
import { type MakerInputs, writeMakerInputs } from "../../../joinmarket/messages/inputs.ts";
import { formatRevelation, parseRevelation } from "../../../joinmarket/podle/revelation.ts";
import { readVectors } from "../../../tests/harness/data/vectors.ts";
import { Conversation } from "./conversation.ts";

const { podle } = readVectors<{ podle: { revelation: string } }>("joinmarket-protocol");
const EXTENDED = formatRevelation(parseRevelation(podle.revelation), {
  scriptPubKey: hexToBytes(`0014${"ab".repeat(20)}`),
  height: 850_000,
});
const counted = (first: number) => (length: number) => new Uint8Array(length).fill(first);

/** A talk with a maker that names these features; `extended` is what our index says of our coin. */
function talkWith(features: readonly string[], extended: () => Promise<string | undefined>) {
  const ours = new BoxKeys(counted(1));
  const theirs = new BoxKeys(counted(2));
  const told: string[] = [];
  const judged: MakerInputs[] = [];
  const talk = new Conversation({ nick: "J5maker", offer: { offerId: "0" }, feeSat: 1 } as never, {
    ...{
      keys: ours,
      amountSat: 100_000,
      commitment: "cd".repeat(32),
      revelation: podle.revelation,
      extended,
    },
    async tell(text) {
      told.push(text);
    },
    async judge(_, inputs) {
      judged.push(inputs);
      return { isGood: false, refusal: "no-coins" };
    },
    changed: () => undefined,
  });
  const say = (text: string) => {
    for (const command of readCommands(text)) talk.hear(command);
  };
  talk.ask();
  say(writeMakerKey({ encryptionKey: theirs.publicKey, features: new Set(features) }));
  const box = theirs.boxWith(ours.publicKey);
  const opened = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return told.slice(1).flatMap((text) => readCommands(text).map((command) => box.open(sealedOf(command))));
  };
  return { box, say, opened, judged };
}

it.each([
  ["a maker that names no features", [], EXTENDED, podle.revelation],
  ["a maker of other features", ["something_else"], EXTENDED, podle.revelation],
  ["a maker without an index", [EXTENDED_COINS], EXTENDED, EXTENDED],
  [
    "a maker without an index, of a coin that we do not find ourselves",
    [EXTENDED_COINS],
    undefined,
    podle.revelation,
  ],
] as const)("%s is shown our coin in the form that it reads, once", async (_, features, known, expected) => {
  const { opened } = talkWith(features, async () => known);

  expect(await opened()).toEqual([expected]);
});

it("an index that is away keeps nobody waiting", async () => {
  const { opened } = talkWith([EXTENDED_COINS], () => Promise.reject(new Error("away")));

  expect(await opened()).toEqual([podle.revelation]);
});

it("coins are read from a maker with their scripts and heights, and without", async () => {
  const { txid } = parseRevelation(podle.revelation);
  const hints = { scriptPubKey: hexToBytes(`0014${"cd".repeat(20)}`), height: 7 };
  const inputs = {
    coins: [
      { txid, vout: 0 },
      { txid, vout: 1, hints },
    ],
    publicKey: `02${"11".repeat(32)}`,
    ...{ coinjoinAddress: "bcrt1qsomewhere", changeAddress: "bcrt1qelsewhere", signature: "AA==" },
  };
  const { box, say, opened, judged } = talkWith([], async () => undefined);
  await opened();
  say(writeCommand("ioauth", box.seal(writeMakerInputs(inputs))));

  expect(judged).toEqual([inputs]);
});
