/** The transaction of a coinjoin against the worked example of the protocol, and what every one of them keeps. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes, parseTxid } from "../../bitcoin/bytes.ts";
import { hash160 } from "../../bitcoin/hash.ts";
import { publicKeyOf } from "../../bitcoin/keys/curve.ts";
import { keyScript } from "../../bitcoin/keys/key-script.ts";
import { mainnet } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { compileScript } from "../../bitcoin/script/script.ts";
import { signInputs, withSignedInputs } from "../../bitcoin/signing/inputs.ts";
import {
  parseTransaction,
  serializeStripped,
  serializeTransaction,
  type Transaction,
  txidOf,
} from "../../bitcoin/transaction.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { coinjoinParties, coinNumber, scriptNumber } from "../../tests/harness/joinmarket/parties.ts";
import { totalSat } from "../coins/select.ts";
import { estimateSizeVb, feeOfSizeSat } from "../coins/sizes.ts";
import { checkAsMaker } from "./maker-check.ts";
import { type OfferFee, offerFeeSat, parseShare } from "./offer-fee.ts";
import { buildCoinjoin, DROPPED_CHANGE_SAT_MAX, sweepAmountSat } from "./shape.ts";
import { matchSignature, signatureScript } from "./signature-script.ts";
import { checkAsTaker } from "./taker-check.ts";

interface Side {
  readonly txid: string;
  readonly vout: number;
  readonly valueSat: number;
  readonly privateKey: string;
  readonly script: string;
  readonly destination: string;
  readonly change: string;
  readonly changeSat: number;
}

interface CoinjoinVector {
  readonly coinjoin: {
    readonly amountSat: number;
    readonly makerFeeSat: number;
    readonly makerTxfeeSat: number;
    readonly feerateSatPerKvb: number;
    readonly locktime: number;
    readonly estimatedVb: number;
    readonly feeSat: number;
    readonly taker: Side;
    readonly maker: Side;
    readonly unsigned: string;
    readonly plain: string;
    readonly txid: string;
    readonly signatureScript: string;
    readonly signaturePlain: string;
    readonly signed: string;
    readonly nestedScript: string;
  };
}

const { coinjoin } = readVectors<CoinjoinVector>("joinmarket-protocol");
const noCoinjoin = expect.objectContaining({ code: "JOINMARKET_NO_COINJOIN" });

const coinOf = ({ txid, vout, valueSat, script }: Side) => ({
  txid: parseTxid(txid),
  vout,
  valueSat,
  scriptPubKey: hexToBytes(script),
});
const scriptAt = (address: string) => scriptOfAddress(address, mainnet);

/** The last of what is left: leaves every order as it was, and the locktime at the tip. */
const unshuffled = (end: number) => end - 1;

describe("the protocol's example", () => {
  const { taker, maker, amountSat } = coinjoin;
  const part = {
    coins: [coinOf(maker)],
    coinjoinScript: scriptAt(maker.destination),
    changeScript: scriptAt(maker.change),
    coinjoinFeeSat: coinjoin.makerFeeSat,
    txfeeSat: coinjoin.makerTxfeeSat,
  };
  const scripts = { destinationScript: scriptAt(taker.destination), changeScript: scriptAt(taker.change) };
  const transaction = parseTransaction(hexToBytes(coinjoin.unsigned));

  it("is built with the same inputs, outputs, locktime and sequences", () => {
    const outputs = [scripts.destinationScript, scripts.changeScript, part.coinjoinScript, part.changeScript];
    const minerFeeSat = feeOfSizeSat(
      estimateSizeVb(["p2wpkh", "p2wpkh"], outputs),
      coinjoin.feerateSatPerKvb,
    );
    const plan = {
      taker: { coins: [coinOf(taker)], ...scripts },
      makers: [part],
      amountSat,
      minerFeeSat,
      tipHeight: coinjoin.locktime,
    };
    const built = buildCoinjoin(plan, unshuffled);
    const sorted = ({ outputs: unsorted }: Transaction) =>
      unsorted.map((output) => `${bytesToHex(output.scriptPubKey)} ${output.amountSat}`).sort();

    expect(minerFeeSat).toBe(coinjoin.feeSat);
    expect(built.inputs.map(({ previousIndex, sequence }) => [previousIndex, sequence])).toEqual(
      transaction.inputs.map(({ previousIndex, sequence }) => [previousIndex, sequence]),
    );
    expect(sorted(built)).toEqual(sorted(transaction));
    expect([built.version, built.locktime]).toEqual([2, coinjoin.locktime]);
  });

  it("travels without the segwit mark, and has the same id", () => {
    expect(Buffer.from(serializeStripped(transaction)).toString("base64")).toBe(coinjoin.plain);
    expect(txidOf(transaction)).toBe(coinjoin.txid);
  });

  it("is taken and signed by both sides, byte for byte as the peers sign it", () => {
    const asMaker = checkAsMaker(transaction, { network: mainnet, amountSat, ...part });
    const asTaker = checkAsTaker(transaction, {
      network: mainnet,
      coins: [coinOf(taker)],
      amountSat,
      ...scripts,
      makerFeesSatMax: coinjoin.makerFeeSat,
      minerFeeSatMax: coinjoin.feeSat,
      participantsMin: 2,
    });
    const keyOf = (side: Side, index: number) => ({
      index,
      spent: { amountSat: BigInt(side.valueSat), scriptPubKey: hexToBytes(side.script) },
      privateKey: hexToBytes(side.privateKey),
    });
    const fromMaker = signInputs(transaction, [keyOf(maker, 1)]);
    const fromTaker = signInputs(transaction, [keyOf(taker, 0)]);

    expect(asMaker).toEqual({ isGood: true, ownInputs: [1], earnedSat: coinjoin.makerFeeSat });
    expect(asTaker).toEqual({
      isGood: true,
      ownInputs: [0],
      costSat: coinjoin.makerFeeSat + coinjoin.feeSat,
    });
    const payloads = fromMaker.map((signed) => bytesToHex(signatureScript(signed)));
    expect(payloads).toEqual([coinjoin.signatureScript]);
    expect(Buffer.from(hexToBytes(payloads[0] ?? "")).toString("base64")).toBe(coinjoin.signaturePlain);
    const whole = withSignedInputs(withSignedInputs(transaction, fromMaker), fromTaker);
    expect(bytesToHex(serializeTransaction(whole))).toBe(coinjoin.signed);
  });
});

/** A generator whose numbers depend on its seed alone. */
function randomFrom(seed: number) {
  let state = seed;
  return (end: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % end;
  };
}

describe("every coinjoin", () => {
  const destinationScript = scriptNumber(1);
  const changeScript = scriptNumber(2);

  it("pays each what is due, loses no satoshi, and is taken by both sides", () => {
    fc.assert(
      fc.property(coinjoinParties, fc.nat(1_000_000), (who, seed) => {
        const { takerCoins, makers, amountSat, minerFeeSat } = who;
        const taker = { coins: takerCoins, destinationScript, changeScript };
        const built = buildCoinjoin(
          { taker, makers, amountSat, minerFeeSat, tipHeight: 900_000 },
          randomFrom(seed),
        );

        const inSat = totalSat([...takerCoins, ...makers.flatMap(({ coins }) => coins)]);
        const outSat = built.outputs.reduce((sum, output) => sum + Number(output.amountSat), 0);
        const givenSat = makers.reduce((sum, { txfeeSat }) => sum + txfeeSat, 0);
        const paidSat = inSat - outSat;
        expect(paidSat).toBeGreaterThanOrEqual(minerFeeSat);
        expect(paidSat).toBeLessThanOrEqual(Math.max(minerFeeSat, givenSat) + DROPPED_CHANGE_SAT_MAX);
        expect(built.version).toBe(2);
        expect(built.inputs.every(({ sequence }) => sequence === 0xffff_fffe)).toBe(true);
        expect(built.locktime).toBeGreaterThan(900_000 - 100);
        expect(built.locktime).toBeLessThanOrEqual(900_000);
        const makerFeesSatMax = makers.reduce((sum, { coinjoinFeeSat }) => sum + coinjoinFeeSat, 0);
        const verdict = checkAsTaker(built, {
          network: mainnet,
          coins: takerCoins,
          amountSat,
          destinationScript,
          changeScript,
          makerFeesSatMax,
          minerFeeSatMax: minerFeeSat + DROPPED_CHANGE_SAT_MAX,
          participantsMin: makers.length + 1,
        });
        expect(verdict.isGood).toBe(true);
        for (const maker of makers) {
          expect(checkAsMaker(built, { ...maker, network: mainnet, amountSat }).isGood).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("has its inputs and outputs in another order each time, and all of them", () => {
    const coins = Array.from({ length: 12 }, (_, at) => coinNumber(at + 10, 1_000_000));
    const plan = {
      taker: { coins, destinationScript, changeScript },
      makers: [],
      amountSat: 1_000,
      minerFeeSat: 0,
      tipHeight: 5,
    };
    const orders = [1, 2, 3, 4].map((seed) =>
      buildCoinjoin(plan, randomFrom(seed)).inputs.map(({ previousTxidBytes }) =>
        bytesToHex(previousTxidBytes),
      ),
    );

    expect(new Set(orders.map((order) => order.join())).size).toBe(4);
    for (const order of orders) expect([...order].sort()).toEqual([...(orders[0] ?? [])].sort());
  });

  it("has a locktime at the tip, or once in ten up to 99 blocks earlier, never 0", () => {
    const plan = {
      taker: { coins: [coinNumber(1, 9_000)], destinationScript },
      makers: [],
      amountSat: 9_000,
      minerFeeSat: 0,
      tipHeight: 50,
    };

    expect(buildCoinjoin(plan, () => 1).locktime).toBe(50);
    expect(buildCoinjoin(plan, () => 0).locktime).toBe(50);
    const answers = [0, 99];
    expect(buildCoinjoin(plan, () => answers.shift() ?? 0).locktime).toBe(1);
  });

  it("is not made if the taker's coins, or a maker's, are too few", () => {
    const taker = { coins: [coinNumber(1, 100_000)], destinationScript, changeScript };
    const maker = {
      coins: [coinNumber(2, 127_309)],
      coinjoinScript: scriptNumber(3),
      changeScript: scriptNumber(4),
      coinjoinFeeSat: 0,
      txfeeSat: 10,
    };
    const plan = { taker, makers: [], amountSat: 99_000, minerFeeSat: 1_001, tipHeight: 1 };

    expect(() => buildCoinjoin(plan, unshuffled)).toThrow(noCoinjoin);
    expect(() =>
      buildCoinjoin({ ...plan, makers: [maker], amountSat: 100_000 - 991 }, unshuffled),
    ).not.toThrow();
    expect(() =>
      buildCoinjoin({ ...plan, makers: [maker], amountSat: 100_000, minerFeeSat: 10 }, unshuffled),
    ).toThrow(noCoinjoin);
  });
});

describe("a sweep", () => {
  const relative = (text: string): OfferFee => ({ type: "relative", share: parseShare(text) });
  const offers = [
    { fee: relative("0.00002"), txfeeSat: 0 },
    { fee: { type: "absolute", feeSat: 500 } as OfferFee, txfeeSat: 100 },
    { fee: relative("0.0003"), txfeeSat: 0 },
  ];

  it("mixes what joinmarket-clientserver would", () => {
    const amountSat = sweepAmountSat([coinNumber(1, 500_000_000)], offers, 4_000);
    const feesSat = offers.reduce((sum, { fee }) => sum + offerFeeSat(fee, amountSat), 0);

    expect(amountSat).toBe(499_835_653);
    expect(feesSat).toBe(160_448);
    // The rounding takes a satoshi too much: the miners get 3,899 of the taker, not 3,900.
    expect(500_000_000 - amountSat - feesSat).toBe(3_899);
  });

  it("leaves next to nothing, for any offers", () => {
    const anyOffer = fc.record({
      fee: fc.oneof(
        fc
          .integer({ min: 0, max: 1_000_000 })
          .map((millionths) => relative(`0.${String(millionths % 100_000).padStart(7, "0")}`)),
        fc.integer({ min: 0, max: 5_000 }).map((feeSat): OfferFee => ({ type: "absolute", feeSat })),
      ),
      txfeeSat: fc.integer({ min: 0, max: 500 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000_000, max: 2_000_000_000 }),
        fc.array(anyOffer, { maxLength: 10 }),
        fc.integer({ min: 0, max: 50_000 }),
        (valueSat, many, minerFeeSat) => {
          const amountSat = sweepAmountSat([coinNumber(1, valueSat)], many, minerFeeSat);
          const feesSat = many.reduce((sum, { fee }) => sum + offerFeeSat(fee, amountSat), 0);
          const givenSat = many.reduce((sum, { txfeeSat }) => sum + txfeeSat, 0);

          const leftSat = valueSat - amountSat - feesSat - Math.max(minerFeeSat - givenSat, 0);
          // Half a satoshi for the amount and half of one for every share.
          expect(Math.abs(leftSat)).toBeLessThanOrEqual(1 + many.length / 2);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is not made of less than its fees", () => {
    expect(() => sweepAmountSat([coinNumber(1, 4_400)], offers, 4_000)).toThrow(noCoinjoin);
  });
});

describe("a maker's signature", () => {
  const coins = [coinNumber(20, 50_000), coinNumber(21, 60_000)];
  const transaction = buildCoinjoin(
    {
      taker: { coins, destinationScript: scriptNumber(1) },
      makers: [],
      amountSat: 110_000,
      minerFeeSat: 0,
      tipHeight: 9,
    },
    unshuffled,
  );
  const unsigned = coins.map(({ valueSat, scriptPubKey }, index) => ({
    index,
    spent: { amountSat: BigInt(valueSat), scriptPubKey },
  }));
  const signed = signInputs(
    transaction,
    unsigned.map((input, at) => ({ ...input, privateKey: coins[at]?.privateKey ?? new Uint8Array(32) })),
  );

  it("finds its input whichever comes first", () => {
    for (const input of signed.toReversed()) {
      expect(matchSignature(transaction, signatureScript(input), unsigned)?.index).toBe(input.index);
    }
  });

  it("of a nested coin has its script as a third item, and not a fourth", () => {
    const privateKey = coins[0]?.privateKey ?? new Uint8Array(32);
    const scriptPubKey = keyScript(publicKeyOf(privateKey), "p2sh-p2wpkh");
    const nested = [{ index: 0, spent: { amountSat: 50_000n, scriptPubKey } }];
    const [input] = signInputs(transaction, [{ ...nested[0], privateKey } as never]);
    if (input === undefined) throw new Error("it was signed");
    const bytes = signatureScript(input);
    const third = compileScript([hexToBytes(`0014${bytesToHex(hash160(input.publicKey))}`)]);

    expect(bytesToHex(bytes.subarray(-third.length))).toBe(bytesToHex(third));
    expect(matchSignature(transaction, bytes, nested)).toMatchObject({ index: 0, scriptSig: third });
    const more = Uint8Array.from([...bytes, ...compileScript([Uint8Array.of(7, 7)])]);
    expect(matchSignature(transaction, more, nested)).toBeUndefined();
    // Without it, it is nobody's.
    expect(matchSignature(transaction, bytes.subarray(0, -third.length), nested)).toBeUndefined();
  });

  it("finds none among the inputs of others, nor in junk", () => {
    const [first, second] = signed;
    if (first === undefined || second === undefined) throw new Error("two were signed");
    const junk = fc.oneof(fc.uint8Array({ maxLength: 160 }), fc.constant(new Uint8Array(1_000_000)));

    expect(matchSignature(transaction, signatureScript(first), unsigned.slice(1))).toBeUndefined();
    fc.assert(fc.property(junk, (bytes) => matchSignature(transaction, bytes, unsigned) === undefined));
    const three = hexToBytes(coinjoin.nestedScript);
    expect(matchSignature(transaction, three, unsigned)).toBeUndefined();
  });

  it("is taken only where it leaves the id as it is, so that the id alone tells what has been sent", () => {
    const [first] = unsigned;
    const privateKey = coins[0]?.privateKey;
    if (first === undefined || privateKey === undefined) throw new Error("two were made");
    const old = keyScript(publicKeyOf(privateKey), "p2pkh");
    const spent = { ...first.spent, scriptPubKey: old };
    const [legacy] = signInputs(transaction, [{ index: first.index, spent, privateKey }]);
    const bytes = legacy?.scriptSig ?? new Uint8Array(0);

    // What a maker would send for it: the same two pushes as for a coin of today.
    expect(bytes.length).toBeGreaterThan(100);
    expect(matchSignature(transaction, bytes, [{ index: first.index, spent }])).toBeUndefined();
    expect(txidOf(withSignedInputs(transaction, signed))).toBe(txidOf(transaction));
  });
});
