/** What a taker takes of makers and what it signs, and everything that it does not. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes } from "../../bitcoin/bytes.ts";
import { keyScript } from "../../bitcoin/keys/key-script.ts";
import { regtest } from "../../bitcoin/network.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import { signMessageDer } from "../../bitcoin/signing/message.ts";
import type { Transaction } from "../../bitcoin/transaction.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { coinNumber, keyNumber, scriptNumber } from "../../tests/harness/joinmarket/parties.ts";
import { outpointOf } from "./own-side.ts";
import { buildCoinjoin } from "./shape.ts";
import {
  checkAsTaker,
  checkMakerAnswer,
  type MakerAnswer,
  type MakerAnswerRules,
  type TakerPlan,
} from "./taker-check.ts";

const { messages } = readVectors<{
  messages: {
    hexKeySignature: { publicKey: string; message: string; signature: string };
  };
}>("joinmarket-protocol");

describe("a maker's answer", () => {
  const { message, publicKey, signature } = messages.hexKeySignature;
  const own = {
    ...coinNumber(50, 80_000),
    scriptPubKey: keyScript(hexToBytes(publicKey), "p2wpkh"),
    confirmations: 1,
  };
  const other = { ...coinNumber(51, 50_000), confirmations: 7 };
  const addressNumber = (number: number) => addressOfScript(scriptNumber(number), regtest) ?? "";
  const answer: MakerAnswer = {
    coins: [other, own],
    authPublicKey: hexToBytes(publicKey),
    authSignatureDer: Buffer.from(signature, "base64"),
    encryptionKeyHex: message,
    coinjoinAddress: addressNumber(60),
    changeAddress: addressNumber(61),
    coinjoinFeeSat: 10,
    txfeeSat: 0,
  };
  const rules: MakerAnswerRules = {
    network: regtest,
    amountSat: 100_000,
    inputsMax: 15,
    outpoints: new Set(),
    scripts: new Set(),
  };
  const refusalOf = (change: Partial<MakerAnswer>, ruleChange: Partial<MakerAnswerRules> = {}) => {
    const verdict = checkMakerAnswer({ ...answer, ...change }, { ...rules, ...ruleChange });
    return verdict.isGood ? "good" : verdict.refusal;
  };

  it("that is good becomes its part of the transaction", () => {
    const verdict = checkMakerAnswer(answer, rules);

    if (!verdict.isGood) throw new Error(verdict.refusal);
    expect(verdict.part).toEqual({
      coins: [other, own],
      coinjoinScript: scriptNumber(60),
      changeScript: scriptNumber(61),
      coinjoinFeeSat: 10,
      txfeeSat: 0,
    });
    expect(verdict.outpoints).toEqual([outpointOf(other), outpointOf(own)]);
    expect(verdict.scripts).toEqual([bytesToHex(scriptNumber(60)), bytesToHex(scriptNumber(61))]);
  });

  it("that is good may be by a nested coin's key", () => {
    const nested = { ...own, scriptPubKey: keyScript(hexToBytes(publicKey), "p2sh-p2wpkh") };

    expect(refusalOf({ coins: [nested, other] })).toBe("good");
  });

  it.each<[string, string, Partial<MakerAnswer>, Partial<MakerAnswerRules>?]>([
    ["no coins", "no-coins", { coins: [] }],
    ["more coins than allowed", "too-many-coins", {}, { inputsMax: 1 }],
    ["a coin that is spent", "coin-unknown", { coins: [own, undefined] }],
    [
      "an unconfirmed coin, though not its first",
      "coin-unconfirmed",
      { coins: [own, { ...other, confirmations: 0 }] },
    ],
    ["the same coin twice", "coin-twice", { coins: [own, own] }],
    ["a coin of another participant", "coin-twice", {}, { outpoints: new Set([outpointOf(own)]) }],
    [
      "a signature for another key of the conversation",
      "auth-signature",
      { encryptionKeyHex: message.replace("0", "1") },
    ],
    [
      "a signature by another key",
      "auth-signature",
      { authSignatureDer: signMessageDer(Buffer.from(message), keyNumber(5)) },
    ],
    ["a signature that is none", "auth-signature", { authSignatureDer: new Uint8Array(70) }],
    ["a key that owns none of the coins", "auth-key-owns-no-coin", { coins: [other] }],
    [
      "a key that owns a coin of an old address only",
      "auth-key-owns-no-coin",
      { coins: [{ ...own, scriptPubKey: keyScript(hexToBytes(publicKey), "p2pkh") }] },
    ],
    [
      "an address of another network",
      "address-invalid",
      { changeAddress: "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu" },
    ],
    ["an address that is none", "address-invalid", { coinjoinAddress: "x" }],
    ["one address for both outputs", "address-twice", { changeAddress: addressNumber(60) }],
    [
      "an address of another participant, in capitals",
      "address-twice",
      { changeAddress: addressNumber(62).toUpperCase() },
      { scripts: new Set([bytesToHex(scriptNumber(62))]) },
    ],
    ["change that is too small", "change-too-small", {}, { amountSat: 130_010 - 27_299 }],
    ["a fee that is no number", "change-too-small", { coinjoinFeeSat: Number.NaN }],
  ])("with %s is refused", (_, refusal, change, ruleChange) => {
    expect(refusalOf(change, ruleChange)).toBe(refusal);
  });

  it("with the least change is good", () => {
    expect(refusalOf({}, { amountSat: 130_010 - 27_300 })).toBe("good");
  });
});

describe("a taker's own transaction", () => {
  const coins = [coinNumber(1, 300_000), coinNumber(2, 200_000)];
  const maker = {
    coins: [coinNumber(3, 400_000)],
    coinjoinScript: scriptNumber(10),
    changeScript: scriptNumber(11),
    coinjoinFeeSat: 500,
    txfeeSat: 0,
  };
  const [destinationScript, changeScript] = [scriptNumber(12), scriptNumber(13)];
  const plan: TakerPlan = {
    network: regtest,
    coins,
    amountSat: 300_000,
    destinationScript,
    changeScript,
    makerFeesSatMax: 500,
    minerFeeSatMax: 2_000,
    participantsMin: 2,
  };
  const build = (amountSat: number, minerFeeSat: number, script: Uint8Array | undefined = changeScript) =>
    buildCoinjoin(
      {
        taker: { coins, destinationScript, ...(script === undefined ? {} : { changeScript: script }) },
        makers: [maker],
        amountSat,
        minerFeeSat,
        tipHeight: 100,
      },
      (end) => end - 1,
    );
  const good = build(300_000, 2_000);
  const refusalOf = (transaction: Transaction, change: Partial<TakerPlan> = {}) => {
    const verdict = checkAsTaker(transaction, { ...plan, ...change });
    return verdict.isGood ? "good" : verdict.refusal;
  };
  const mapOutputs = (
    change: (sat: bigint, script: Uint8Array) => readonly (readonly [bigint, Uint8Array])[],
  ) => ({
    ...good,
    outputs: good.outputs.flatMap(({ amountSat, scriptPubKey }) =>
      change(amountSat, scriptPubKey).map(([sat, script]) => ({ amountSat: sat, scriptPubKey: script })),
    ),
  });
  const at = (script: Uint8Array, wanted: Uint8Array) => Buffer.compare(script, wanted) === 0;

  it("that costs what it may is signed, at our inputs alone", () => {
    expect(checkAsTaker(good, plan)).toEqual({ isGood: true, ownInputs: [0, 1], costSat: 2_500 });
  });

  it("may be a sweep, where what is left arrives", () => {
    const sweep = { ...maker, coins: [coinNumber(3, 900_000)] };
    const swept = buildCoinjoin(
      {
        taker: { coins, destinationScript },
        makers: [sweep],
        amountSat: 497_500,
        minerFeeSat: 2_000,
        tipHeight: 100,
      },
      (end) => end - 1,
    );

    expect(refusalOf(swept, { amountSat: undefined })).toBe("good");
    expect(refusalOf(swept, { amountSat: undefined, minerFeeSatMax: 1_999 })).toBe("costs-too-much");
  });

  it.each<[string, string, Transaction, Partial<TakerPlan>?]>([
    ["costs a satoshi too much", "costs-too-much", build(300_000, 2_001)],
    ["mixes another amount", "destination-amount", build(299_999, 2_000)],
    ["gives the change to somebody", "costs-too-much", build(300_000, 2_000, scriptNumber(66))],
    [
      "has no output to the destination",
      "destination-not-once",
      mapOutputs((sat, script) => [[sat, at(script, destinationScript) ? scriptNumber(66) : script]]),
    ],
    [
      "has two to the destination",
      "destination-not-once",
      mapOutputs((sat, script) =>
        at(script, destinationScript)
          ? [
              [sat, script],
              [1n, script],
            ]
          : [[sat, script]],
      ),
    ],
    [
      "has two to our change",
      "change-more-than-once",
      mapOutputs((sat, script) =>
        at(script, changeScript)
          ? [
              [sat - 1n, script],
              [1n, script],
            ]
          : [[sat, script]],
      ),
    ],
    ["lacks one of our coins", "own-coin-missing", { ...good, inputs: good.inputs.slice(1) }],
    [
      "has nobody to mix with",
      "too-few-equal-outputs",
      mapOutputs((sat, script) => (at(script, maker.coinjoinScript) ? [] : [[sat, script]])),
    ],
    ["has fewer to mix with than agreed", "too-few-equal-outputs", good, { participantsMin: 3 }],
    ["spends a coin twice", "malformed", { ...good, inputs: [...good.inputs, ...good.inputs] }],
  ])("that %s is not signed", (_, refusal, transaction, change) => {
    expect(refusalOf(transaction, change)).toBe(refusal);
  });

  it("is not mixed with our own change, though it be worth the same", () => {
    const rich = coins.map((coin) => ({ ...coin, valueSat: coin.valueSat + 51_250 }));
    const alone = mapOutputs((sat, script) => {
      if (at(script, changeScript)) return [[300_000n, script]];
      return at(script, maker.coinjoinScript) ? [] : [[sat, script]];
    });

    expect(refusalOf(alone, { coins: rich, makerFeesSatMax: 500 })).toBe("too-few-equal-outputs");
    expect(
      refusalOf(
        { ...alone, outputs: [...alone.outputs, { amountSat: 300_000n, scriptPubKey: scriptNumber(77) }] },
        { coins: rich },
      ),
    ).toBe("good");
  });

  it.each<[string, Partial<TakerPlan>]>([
    ["without coins", { coins: [] }],
    ["with nobody to mix with", { participantsMin: 1 }],
    ["of nothing", { amountSat: 0 }],
    ["with one script for both outputs", { changeScript: destinationScript }],
    ["with a limit that is no number", { makerFeesSatMax: Number.NaN }],
    ["with half a satoshi", { amountSat: 0.5 }],
  ])("is not signed by a plan %s", (_, change) => {
    expect(refusalOf(good, change)).toBe("bad-plan");
  });

  it("never loses more than was allowed, whatever is done to its outputs", () => {
    const changes = fc.array(
      fc.record({ which: fc.nat(9), sat: fc.integer({ min: -5_000, max: 5_000 }), isGone: fc.boolean() }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(changes, (steps) => {
        let { outputs } = good;
        for (const { which, sat, isGone } of steps) {
          const here = which % Math.max(outputs.length, 1);
          outputs = outputs.flatMap((output, index) => {
            if (index !== here) return [output];
            return isGone ? [] : [{ ...output, amountSat: output.amountSat + BigInt(sat) }];
          });
        }
        if (!checkAsTaker({ ...good, outputs }, plan).isGood) return;

        const back = outputs.filter(
          ({ scriptPubKey }) => at(scriptPubKey, destinationScript) || at(scriptPubKey, changeScript),
        );
        const backSat = back.reduce((sum, { amountSat }) => sum + Number(amountSat), 0);
        expect(500_000 - backSat).toBeLessThanOrEqual(2_500);
      }),
      { numRuns: 1_000 },
    );
  });
});
