/** Commands of a join as the peers' own code writes and reads them, and what strangers may send instead. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { bytesToHex, hexToBytes } from "../../bitcoin/bytes.ts";
import { hasCode } from "../../runtime/errors.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { formatRevelation, parseRevelation } from "../podle/revelation.ts";
import { BoxKeys } from "./box.ts";
import { parseBytes, writeBytes, writePush } from "./bytes.ts";
import { formatCoin, parseCoin } from "./coin.ts";
import { readCommands, sealedOf } from "./command.ts";
import { parseUsedCommitment, writeUsedCommitment } from "./commitment.ts";
import { EXTENDED_COINS, parseFill, parseMakerKey, writeFill, writeMakerKey } from "./fill.ts";
import { isVouched, parseMakerInputs, vouchFor, writeMakerInputs } from "./inputs.ts";
import { readRefusal, writeRefusal } from "./refusal.ts";

const vectors = readVectors<{
  readonly podle: { readonly revelation: string };
  readonly coinjoin: { readonly plain: string; readonly unsigned: string; readonly signaturePlain: string };
  readonly box: {
    readonly takerSecret: string;
    readonly takerPublic: string;
    readonly makerSecret: string;
    readonly makerPublic: string;
    readonly nonce: string;
    readonly sealed: { readonly plain: string; readonly text: string };
    readonly auth: string;
    readonly vouching: {
      readonly privateKey: string;
      readonly publicKey: string;
      readonly signature: string;
    };
  };
}>("joinmarket-protocol");
const { box: boxVectors } = vectors;

const badMessage = expect.objectContaining({ code: "JOINMARKET_BAD_MESSAGE" });
const hash = "ab".repeat(32);
const key = "cd".repeat(32);
const txid = "12".repeat(32);

function only(text: string) {
  const [command, ...more] = readCommands(text);
  if (command === undefined || more.length > 0) throw new Error(`not one command: ${text}`);
  return command;
}

/** Keys with these secrets and nothing but this nonce. */
function keysOf(secret: string, nonce: string = boxVectors.nonce): BoxKeys {
  return new BoxKeys((length) => hexToBytes(length === 24 ? nonce : secret).slice());
}

const taker = keysOf(boxVectors.takerSecret);
const maker = keysOf(boxVectors.makerSecret);

it("seals and opens as the peers do", () => {
  expect([taker.publicKey, maker.publicKey]).toEqual([boxVectors.takerPublic, boxVectors.makerPublic]);
  const { plain, text } = boxVectors.sealed;
  expect(taker.boxWith(maker.publicKey).seal(plain)).toBe(text);
  expect(maker.boxWith(taker.publicKey).open(text)).toBe(plain);
  expect(taker.boxWith(maker.publicKey).seal(vectors.podle.revelation)).toBe(boxVectors.auth);
  const opened = maker.boxWith(taker.publicKey.toUpperCase()).open(boxVectors.auth);
  expect(opened).toBe(vectors.podle.revelation);
  expect(formatRevelation(parseRevelation(opened ?? ""))).toBe(opened);
});

it("opens nothing that was changed, cut, sealed by another, or is no text", () => {
  const box = maker.boxWith(taker.publicKey);
  const { text } = boxVectors.sealed;
  expect(box.open(`${text.slice(0, 20)} ${text.slice(20)}`)).toBe(boxVectors.sealed.plain);
  expect(box.open(`${text.slice(0, -6)}AAAAA=`)).toBeUndefined();
  expect(box.open(text.slice(0, 40))).toBeUndefined();
  expect(box.open("")).toBeUndefined();
  expect(box.open("!!!")).toBeUndefined();
  expect(keysOf("44".repeat(32)).boxWith(taker.publicKey).open(text)).toBeUndefined();
  fc.assert(fc.property(fc.base64String({ maxLength: 400 }), (junk) => box.open(junk) === undefined));
  // What the other side has sealed, and would be another line, or no letter, to whoever reads on.
  const theirs = taker.boxWith(maker.publicKey);
  expect(box.open(theirs.seal("a b"))).toBe("a b");
  for (const noText of ["a\nb", "a\r", "\0", "a\x7f", "\xe9"])
    expect(box.open(theirs.seal(noText))).toBeUndefined();
});

it("takes a new nonce for every message", () => {
  let next = 0;
  const counting = new BoxKeys((length) => new Uint8Array(length).fill(++next));
  const box = counting.boxWith(taker.publicKey);
  expect(new Set(Array.from({ length: 50 }, () => box.seal("same"))).size).toBe(50);
});

it("makes no box with a key that encrypts nothing", () => {
  expect(() => maker.boxWith("00".repeat(32))).toThrow(badMessage);
  expect(() => maker.boxWith(`01${"00".repeat(31)}`)).toThrow(badMessage);
  expect(() => maker.boxWith("xy".repeat(32))).toThrow(badMessage);
});

it("cannot open anything once its keys are wiped", () => {
  const own = keysOf(boxVectors.makerSecret);
  const box = own.boxWith(taker.publicKey);
  own.wipe();
  box.wipe();
  expect(box.open(boxVectors.sealed.text)).toBeUndefined();
  expect(own.boxWith(taker.publicKey).open(boxVectors.sealed.text)).toBeUndefined();
});

it("lets a coin's key vouch for the conversation's key as the peers do", () => {
  const { privateKey, publicKey, signature } = boxVectors.vouching;
  expect(vouchFor(maker.publicKey, hexToBytes(privateKey))).toBe(signature);
  expect(isVouched(maker.publicKey, { publicKey, signature })).toBe(true);
  expect(isVouched(taker.publicKey, { publicKey, signature })).toBe(false);
  expect(isVouched(maker.publicKey, { publicKey: `02${publicKey.slice(2)}`, signature })).toBe(false);
  expect(isVouched(maker.publicKey, { publicKey: `02${"ff".repeat(32)}`, signature })).toBe(false);
  expect(isVouched(maker.publicKey, { publicKey, signature: `${signature}A` })).toBe(false);
  expect(isVouched(maker.publicKey, { publicKey, signature: "A".repeat(30_000) })).toBe(false);
});

it("writes and reads a fill, with any argument after the four that it knows", () => {
  const fill = { offerId: "0", amountSat: 100_000_000, encryptionKey: key, commitment: `P${hash}` };
  const text = writeFill({ ...fill, commitment: hash });
  expect(text).toBe(`fill 0 100000000 ${key} P${hash}`);
  expect(parseFill(only(text))).toEqual(fill);
  expect(parseFill(only(`${text} more and more`))).toEqual(fill);
});

it.each([
  "fill",
  `fill 0 1 ${key}`,
  `fill -1 1 ${key} P${hash}`,
  `fill 9223372036854775808 1 ${key} P${hash}`,
  `fill 0 1.5 ${key} P${hash}`,
  `fill 0 1e8 ${key} P${hash}`,
  `fill 0 2100000000000001 ${key} P${hash}`,
])("refuses %j", (text) => {
  expect(() => parseFill(only(text))).toThrow(badMessage);
});

it("keeps a fill's commitment and key as they came, for the maker to judge in its order", () => {
  const fill = parseFill(only("fill 9223372036854775807 0 nokey X"));
  expect(fill).toEqual({
    offerId: "9223372036854775807",
    amountSat: 0,
    encryptionKey: "nokey",
    commitment: "X",
  });
});

it("reads a maker's key with features and without", () => {
  const text = writeMakerKey({ encryptionKey: key, features: new Set([EXTENDED_COINS]) });
  expect(text).toBe(`pubkey ${key} features=neutrino_compat`);
  expect(parseMakerKey(only(text)).features).toEqual(new Set([EXTENDED_COINS]));
  expect(writeMakerKey({ encryptionKey: key, features: new Set() })).toBe(`pubkey ${key}`);
  expect(parseMakerKey(only(`pubkey ${key.toUpperCase()} something`))).toEqual({
    encryptionKey: key,
    features: new Set(),
  });
  expect(() => parseMakerKey(only("pubkey abcd"))).toThrow(badMessage);
  expect(() => parseMakerKey(only("pubkey"))).toThrow(badMessage);
});

it("reads a coin with its script and height, and without", () => {
  const script = `0014${"ab".repeat(20)}`;
  expect(parseCoin(`${txid}:7`)).toEqual({ txid, vout: 7 });
  const extended = `${txid}:7:${script}:850000`;
  const coin = parseCoin(extended);
  expect(coin?.hints?.height).toBe(850_000);
  expect(bytesToHex(coin?.hints?.scriptPubKey ?? new Uint8Array())).toBe(script);
  expect(coin && formatCoin(coin)).toBe(extended);
});

it.each([
  "",
  txid,
  `${txid}:`,
  `${txid}:-1`,
  `${txid}:4294967296`,
  `${txid}:1:00`,
  `${txid}:1:0:5`,
  `${txid}:1:00:`,
  `${txid}:1:00:5:6`,
  `${txid.slice(2)}:1`,
  `${txid.slice(2)}zz:1`,
])("takes %j for no coin", (text) => {
  expect(parseCoin(text)).toBeUndefined();
});

it("gives hints in a revelation only when it is told to", () => {
  const opening = parseRevelation(vectors.podle.revelation);
  const extended = formatRevelation(opening, { scriptPubKey: hexToBytes("0014"), height: 5 });
  expect(extended.split("|")[0]).toBe(`${opening.txid}:1:0014:5`);
  expect(parseRevelation(extended)).toEqual(opening);
});

it("writes and reads a maker's inputs", () => {
  const { publicKey, signature } = boxVectors.vouching;
  const coins = [parseCoin(`${txid}:1`), parseCoin(`${hash}:0:0014:7`)].filter((coin) => coin !== undefined);
  const inputs = {
    coins,
    publicKey,
    signature,
    coinjoinAddress: "bcrt1qsomewhere",
    changeAddress: "bcrt1qelsewhere",
  };
  const text = writeMakerInputs(inputs);
  expect(text).toBe(`${txid}:1,${hash}:0:0014:7 ${publicKey} bcrt1qsomewhere bcrt1qelsewhere ${signature}`);
  expect(parseMakerInputs(text)).toEqual(inputs);
  expect(parseMakerInputs(`${text} more`)).toEqual(inputs);
});

it.each([
  "",
  `${txid}:1 ${boxVectors.vouching.publicKey} bcrt1qsomewhere bcrt1qelsewhere`,
  `${txid}:1,, ${boxVectors.vouching.publicKey} bcrt1qsomewhere bcrt1qelsewhere AA==`,
  `${txid}:1 05${"00".repeat(32)} bcrt1qsomewhere bcrt1qelsewhere AA==`,
  `${txid}:1 ${boxVectors.vouching.publicKey} bcrt1q/somewhere bcrt1qelsewhere AA==`,
  `${Array.from({ length: 501 }, () => `${txid}:1`).join(",")} ${boxVectors.vouching.publicKey} bcrt1qsomewhere bcrt1qelsewhere AA==`,
])("refuses the inputs %#", (text) => {
  expect(() => parseMakerInputs(text)).toThrow(badMessage);
});

it("writes a transaction and a signature as the peers do", () => {
  const { plain, unsigned, signaturePlain } = vectors.coinjoin;
  expect(writeBytes(hexToBytes(unsigned))).toBe(plain);
  expect(bytesToHex(parseBytes("tx", plain))).toBe(unsigned);
  expect(writeBytes(parseBytes("sig", signaturePlain))).toBe(signaturePlain);
  for (const junk of ["", "=", "AA", "A".repeat(39_996)]) {
    expect(() => parseBytes("tx", junk)).toThrow(badMessage);
  }
});

it("pushes no transaction that makes a line too long for the peers", () => {
  expect(writePush(new Uint8Array(29_600))?.length).toBeLessThan(39_600);
  expect(writePush(new Uint8Array(29_800))).toBeUndefined();
});

it("keeps one form of a used commitment", () => {
  expect(writeUsedCommitment(hash)).toBe(`hp2 ${hash}`);
  expect(parseUsedCommitment(only(`hp2 ${hash.toUpperCase()} more`))).toBe(hash);
  for (const bad of ["hp2", "hp2 abab", `hp2 P${hash}`, `hp2 ${hash.slice(1)}x`]) {
    expect(() => parseUsedCommitment(only(bad))).toThrow(badMessage);
  }
});

it("carries a refusal's text and shortens a stranger's", () => {
  expect(writeRefusal("amount out of range")).toBe("error amount out of range");
  expect(readRefusal(only("error amount out of range"))).toBe("amount out of range");
  expect(readRefusal(only(`error ${"a".repeat(9_000)}`))).toHaveLength(200);
});

it("splits a message into its commands and takes none from what no peer writes", () => {
  expect(readCommands("a 1  2!b!!c 3")).toEqual([
    { name: "a", args: ["1", "2"] },
    { name: "b", args: [] },
    { name: "c", args: ["3"] },
  ]);
  expect(sealedOf(only("auth AAAA BBBB"))).toBe("AAAABBBB");
  expect(readCommands("a\nb")).toEqual([]);
  expect(readCommands("ä")).toEqual([]);
  expect(readCommands("a".repeat(40_001))).toEqual([]);
  expect(readCommands("a!".repeat(65))).toEqual([]);
});

it("meets any text with a reading or with the one refusal", () => {
  const words = fc.array(
    fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.constantFrom(
        hash,
        key,
        `P${hash}`,
        "0",
        "1",
        "-1",
        "9e9",
        `${txid}:1`,
        "features=",
        "features=a,,b",
      ),
    ),
    { maxLength: 8 },
  );
  const readers = [parseFill, parseMakerKey, parseUsedCommitment].map(
    (read) => (args: readonly string[]) => read({ name: "x", args }),
  );
  const plain = [parseMakerInputs, (text: string) => parseBytes("sig", text)].map(
    (read) => (args: readonly string[]) => read(args.join(" ")),
  );
  fc.assert(
    fc.property(words, fc.constantFrom(...readers, ...plain), (args, read) => {
      try {
        read(args);
      } catch (error) {
        expect(hasCode(error, "JOINMARKET_BAD_MESSAGE")).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});
