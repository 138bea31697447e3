/** Proofs and values of fidelity bonds against both peers'; and proofs that are worth nothing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, concatBytes, hexToBytes, parseTxid } from "../../bitcoin/bytes.ts";
import { CURVE_ORDER, publicKeyOf, scalarToBytes } from "../../bitcoin/keys/curve.ts";
import { mainnet, regtest } from "../../bitcoin/network.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import { timelockOutputScript, timelockScript } from "../../bitcoin/script/timelock.ts";
import { messageHash } from "../../bitcoin/signing/message.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import {
  certificateExpiry,
  certifyBond,
  checkBondProof,
  isBondOutput,
  isCertificateValid,
  proveBond,
} from "./proof.ts";
import { locktimeOfTimenumber } from "./timenumber.ts";
import { bondValue } from "./value.ts";

interface BondVectors {
  readonly bond: {
    readonly scripts: readonly {
      readonly timenumber: number;
      readonly locktime: number;
      readonly privateKey: string;
      readonly publicKey: string;
      readonly script: string;
      readonly mainnet: string;
      readonly regtest: string;
    }[];
    readonly proof: {
      readonly timenumber: number;
      readonly certificateKey: string;
      readonly certificatePublicKey: string;
      readonly height: number;
      readonly expiry: number;
      readonly txid: string;
      readonly vout: number;
      readonly makerNick: string;
      readonly takerNick: string;
      readonly certificateHash: string;
      readonly certificateSignature: string;
      readonly certificateSignatureOfHex: string;
      readonly text: string;
    };
    readonly values: readonly {
      readonly sat: number;
      readonly confirmedS: number;
      readonly locktime: number;
      readonly nowS: number;
      readonly value: number;
      readonly whole: number;
    }[];
  };
}

const { bond } = readVectors<BondVectors>("joinmarket-protocol");
const { proof } = bond;
const outOfRange = expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" });

it.each(bond.scripts)("locks month $timenumber by the peers' script", (vector) => {
  const terms = { locktime: vector.locktime, publicKey: publicKeyOf(hexToBytes(vector.privateKey)) };

  expect(locktimeOfTimenumber(vector.timenumber)).toBe(vector.locktime);
  expect(bytesToHex(timelockScript(terms))).toBe(vector.script);
  expect(addressOfScript(timelockOutputScript(terms), mainnet)).toBe(vector.mainnet);
  expect(addressOfScript(timelockOutputScript(terms), regtest)).toBe(vector.regtest);
});

describe("a proof", () => {
  const [script] = bond.scripts.filter(({ timenumber }) => timenumber === proof.timenumber);
  const bondKey = hexToBytes(script?.privateKey ?? "");
  const claim = {
    txid: parseTxid(proof.txid),
    vout: proof.vout,
    locktime: script?.locktime ?? 0,
    publicKey: publicKeyOf(bondKey),
  };
  const nicks = { maker: proof.makerNick, taker: proof.takerNick };
  const certificateKey = hexToBytes(proof.certificateKey);
  const certificate = certifyBond(bondKey, publicKeyOf(certificateKey), proof.expiry);

  it("is byte for byte the peers'", () => {
    const signed = concatBytes(
      Buffer.from("fidelity-bond-cert|"),
      hexToBytes(proof.certificatePublicKey),
      Buffer.from(`|${proof.expiry}`),
    );

    expect(bytesToHex(messageHash(signed))).toBe(proof.certificateHash);
    expect(bytesToHex(certificate.signatureDer)).toBe(proof.certificateSignature);
    expect(proveBond(claim, certificate, certificateKey, nicks)).toBe(proof.text);
  });

  it("is checked, and says which coin stands behind the maker", () => {
    const checked = checkBondProof(proof.text, nicks, proof.height);

    expect(checked).toEqual({ ...claim, expiry: proof.expiry, publicKey: Uint8Array.from(claim.publicKey) });
    expect(isBondOutput(claim, timelockOutputScript(claim))).toBe(true);
    expect(isBondOutput({ ...claim, locktime: claim.locktime + 1 }, timelockOutputScript(claim))).toBe(false);
  });

  it("holds too with a certificate that was signed as text, in cold storage", () => {
    const cold = certifyBond(bondKey, publicKeyOf(certificateKey), proof.expiry, "hex");

    expect(bytesToHex(cold.signatureDer)).toBe(proof.certificateSignatureOfHex);
    expect(checkBondProof(proveBond(claim, cold, certificateKey, nicks), nicks, proof.height)).toBeDefined();
  });

  it("holds for any keys and coins", () => {
    const keys = fc.bigInt({ min: 1n, max: CURVE_ORDER - 1n }).map(scalarToBytes);
    fc.assert(
      fc.property(keys, keys, fc.nat(959), fc.nat(65_535), (bondOf, certificateOf, month, expiry) => {
        const own = { ...claim, locktime: locktimeOfTimenumber(month), publicKey: publicKeyOf(bondOf) };
        const made = certifyBond(bondOf, publicKeyOf(certificateOf), expiry);
        const text = proveBond(own, made, certificateOf, nicks);

        expect(text).toHaveLength(336);
        expect(checkBondProof(text, nicks, expiry * 2_016)?.locktime).toBe(own.locktime);
        expect(checkBondProof(text, nicks, expiry * 2_016 + 1)).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it("is worth nothing to another taker or from another maker", () => {
    expect(checkBondProof(proof.text, { ...nicks, taker: proof.makerNick }, proof.height)).toBeUndefined();
    expect(checkBondProof(proof.text, { ...nicks, maker: proof.takerNick }, proof.height)).toBeUndefined();
  });

  it("is worth nothing when its certificate has expired", () => {
    expect(checkBondProof(proof.text, nicks, 901_152)).toBeDefined();
    expect(checkBondProof(proof.text, nicks, 901_153)).toBeUndefined();
  });

  it("is worth nothing, or claims another coin, when any byte is another", () => {
    const original = checkBondProof(proof.text, nicks, proof.height);
    fc.assert(
      fc.property(fc.nat(251), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(proof.text, "base64");
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const checked = checkBondProof(bytes.toString("base64"), nicks, proof.height);

        // The coin is not signed for: its script is what binds it to the key. Padding says nothing.
        const isPadding = at < 1 || (at >= 72 && at < 74);
        if (isPadding && bytes[at] !== 0x30) expect(checked).toEqual(original);
        else if (at < 212) expect(checked).toBeUndefined();
        else expect(checked).not.toEqual(original);
      }),
      { numRuns: 500 },
    );
  });

  it.each(["", "A", "!".repeat(336), proof.text.slice(1), `${proof.text}A`, "A".repeat(1_000_000)])(
    "is refused as text %#",
    (text) => {
      expect(checkBondProof(text, nicks, proof.height)).toBeUndefined();
    },
  );

  it("is not made for nicks that would make it a certificate for another's key", () => {
    const stolen = concatBytes(publicKeyOf(scalarToBytes(66n)), Buffer.from("|65535"));
    const hot = certifyBond(bondKey, publicKeyOf(bondKey), proof.expiry);
    const worded = { taker: "fidelity-bond-cert", maker: Buffer.from(stolen).toString("latin1") };

    expect(() => proveBond(claim, hot, bondKey, worded)).toThrow(outOfRange);
    for (const nick of ["", "a|b", "a b", "x".repeat(33), "J5\n"]) {
      expect(() => proveBond(claim, hot, bondKey, { ...nicks, taker: nick })).toThrow(outOfRange);
      expect(() => proveBond(claim, hot, bondKey, { ...nicks, maker: nick })).toThrow(outOfRange);
    }
    expect(checkBondProof(proveBond(claim, hot, bondKey, nicks), nicks, proof.height)).toBeDefined();
  });

  it("is not made with a key that the certificate does not name, nor for what is no key", () => {
    expect(() => proveBond(claim, certificate, bondKey, nicks)).toThrow(outOfRange);
    expect(() => certifyBond(bondKey, new Uint8Array(33), 1)).toThrow(outOfRange);
    expect(() => certifyBond(bondKey, certificate.publicKey, 65_536)).toThrow(outOfRange);
  });
});

it("lets a certificate end with the next period, and renews it when that changes", () => {
  expect(certificateExpiry(proof.height)).toBe(proof.expiry);
  expect(certificateExpiry(2_013)).toBe(1);
  expect(certificateExpiry(2_014)).toBe(2);
  fc.assert(
    fc.property(fc.nat(10_000_000), (height) => isCertificateValid(certificateExpiry(height), height)),
  );
});

describe("the value of a bond", () => {
  it.each(bond.values)(
    "of $sat satoshi until $locktime is $value",
    ({ sat, confirmedS, locktime, nowS, value, whole }) => {
      const found = bondValue({ valueSat: sat, confirmedS, locktime }, nowS);

      expect(Math.abs(found - value)).toBeLessThanOrEqual(value * 1e-9);
      expect(Math.floor(found)).toBe(whole);
    },
  );

  it("grows with amount and time, more than in step with the amount, and never is negative", () => {
    const times = fc.integer({ min: 1_577_836_800, max: 4_099_766_400 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e12 }),
        times,
        times,
        times,
        (valueSat, confirmedS, locktime, nowS) => {
          const value = bondValue({ valueSat, confirmedS, locktime }, nowS);
          const double = bondValue({ valueSat: 2 * valueSat, confirmedS, locktime }, nowS);
          const longer = bondValue({ valueSat, confirmedS, locktime: locktime + 86_400 }, nowS);

          expect(value).toBeGreaterThanOrEqual(0);
          expect(double).toBeGreaterThanOrEqual(2 * value);
          expect(longer).toBeGreaterThanOrEqual(value);
        },
      ),
    );
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("is not reckoned of %d", (wrong) => {
    expect(() => bondValue({ valueSat: wrong, confirmedS: 0, locktime: 0 }, 0)).toThrow(outOfRange);
  });
});
