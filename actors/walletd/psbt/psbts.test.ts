/** What of a PSBT is signed and sent, and what is refused: each thing that must not be, by hand and by property. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseTxid, txidToBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { readMaps, writeMaps } from "../../../bitcoin/psbt/maps.ts";
import { Psbt, type PsbtInputFacts } from "../../../bitcoin/psbt/psbt.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { isInputSigned } from "../../../bitcoin/signing/inputs.ts";
import { serializeTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  HastyClock,
  knownWallet,
  type Owned,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(9);
const STRANGER = knownWallet(8);
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const HOUR_MS = 3_600_000;

let clock: HastyClock;
let under: WalletdUnderTest;
let owned: Owned;
let watcher: Owned;
const placeOf = new Map<string, string>();
beforeAll(async () => {
  clock = new HastyClock();
  under = await WalletdUnderTest.start(stillWorld(), { clock, config: { mixdepths: 3, gap: 4 } });
  for (const [name, mixdepth, index, amountSat] of [
    ["first", 0, 0, 300_000],
    ["second", 0, 1, 400_000],
    ["other", 1, 0, 500_000],
  ] as const) {
    const { scriptPubKey } = WALLET.keys.key({ mixdepth, chain: 0, index });
    placeOf.set(name, await under.money.pay({ script: scriptPubKey, amountSat }));
  }
  const strange = STRANGER.keys.key({ mixdepth: 0, chain: 0, index: 0 });
  placeOf.set("strange", await under.money.pay({ script: strange.scriptPubKey, amountSat: 600_000 }));
  owned = await under.recovered("hot", WALLET.words, { hasBonds: true });
  const { accounts } = await under.as("operator").publicKeys(owned);
  const { session } = await under.as("operator").watch({
    wallet: "watcher",
    password: PASSWORD,
    keys: accounts.map(({ descriptor }) => descriptor),
  });
  watcher = { wallet: "watcher", session };
  await under.level(watcher);
}, 60_000);
afterAll(() => under.stop());

let keys = 0;
const key = () => {
  keys += 1;
  return { key: `k${keys}` };
};
const operator = () => under.as("operator");
const sign = (psbt: Psbt | string) =>
  operator().psbtSign({ ...owned, psbt: typeof psbt === "string" ? psbt : psbt.toBase64() }, key());

interface Piece {
  readonly name: string;
  readonly amountSat: number;
  readonly script: Uint8Array;
}
const first = (): Piece => own("first", 0, 0, 300_000);
const second = (): Piece => own("second", 0, 1, 400_000);
const other = (): Piece => own("other", 1, 0, 500_000);
const strange = (): Piece => ({
  name: "strange",
  amountSat: 600_000,
  script: STRANGER.keys.key({ mixdepth: 0, chain: 0, index: 0 }).scriptPubKey,
});

function own(name: string, mixdepth: number, index: number, amountSat: number): Piece {
  return { name, amountSat, script: WALLET.keys.key({ mixdepth, chain: 0, index }).scriptPubKey };
}

const payment = (amountSat: number, address = ELSEWHERE) => ({
  amountSat: BigInt(amountSat),
  scriptPubKey: scriptOfAddress(address, regtest),
});

function transactionOf(pieces: readonly Piece[], outputs: Transaction["outputs"]): Transaction {
  return {
    version: 2,
    locktime: 0,
    inputs: pieces.map(({ name }) => ({
      previousTxidBytes: txidToBytes(parseTxid(placeOf.get(name) ?? "")),
      previousIndex: 0,
      sequence: 0xffff_fffd,
      scriptSig: new Uint8Array(0),
      witness: [],
    })),
    outputs,
  };
}

/** As somebody else would make it: told of the coins is what `facts` says. */
function psbtOf(
  pieces: readonly Piece[],
  outputs: Transaction["outputs"],
  facts: (piece: Piece) => PsbtInputFacts = ({ amountSat, script }) => ({
    spent: { amountSat: BigInt(amountSat), scriptPubKey: script },
  }),
): Psbt {
  const blank = outputs.map(() => ({}));
  return Psbt.create(transactionOf(pieces, outputs), pieces.map(facts), blank);
}

/** One input's fields changed, as hex. */
function with_(psbt: Psbt, index: number, fields: Readonly<Record<string, string>>): string {
  const maps = readMaps(psbt.toBytes());
  const inputs = maps.inputs.map((map, at) =>
    at === index
      ? new Map([
          ...map,
          ...Object.entries(fields).map(([name, hex]) => [name, Buffer.from(hex, "hex")] as const),
        ])
      : map,
  );
  return Buffer.from(writeMaps({ ...maps, inputs })).toString("base64");
}

const refused = (what: string) =>
  expect.objectContaining({ code: "WALLETD_PSBT", message: expect.stringContaining(what) });
const coinRefused = (why: string) =>
  expect.objectContaining({ code: "WALLETD_COIN", data: expect.objectContaining({ why }) });

describe("a PSBT is not signed", () => {
  it("when an input asks for a signature that leaves parts open, ours or not", async () => {
    for (const type of ["02000000", "03000000", "81000000", "82000000", "00000000"]) {
      const psbt = psbtOf([first(), strange()], [payment(800_000)]);
      await expect(sign(with_(psbt, 0, { "03": type }))).rejects.toEqual(refused("SIGHASH_ALL"));
      await expect(sign(with_(psbt, 1, { "03": type }))).rejects.toEqual(refused("SIGHASH_ALL"));
    }
  });

  it("when it lies about what a coin of ours is worth, or about its script", async () => {
    const dearer = psbtOf([first()], [payment(100_000)], ({ script }) => ({
      spent: { amountSat: 100_500n, scriptPubKey: script },
    }));
    const elsewhere = psbtOf([first()], [payment(100_000)], () => ({ spent: payment(300_000) }));
    await expect(sign(dearer)).rejects.toEqual(refused("not what our own records say"));
    await expect(sign(elsewhere)).rejects.toEqual(refused("not what our own records say"));
  });

  it("when nothing proves what a coin that we do not know is worth", async () => {
    const unknown = { ...first(), name: "strange" };
    await expect(sign(psbtOf([unknown], [payment(100_000)]))).rejects.toEqual(refused("whole transaction"));
  });

  it("when the transaction that it shows is not the one that made the coin", async () => {
    const wrong = serializeTransaction(transactionOf([second()], [payment(300_000)]));
    const psbt = psbtOf([first()], [payment(100_000)], ({ amountSat, script }) => ({
      spent: { amountSat: BigInt(amountSat), scriptPubKey: script },
      previousTransaction: wrong,
    }));
    await expect(sign(psbt)).rejects.toEqual(refused("of the transaction it shows"));
  });

  it("when it spends of two mixdepths, which nobody shall know to be one wallet's", async () => {
    await expect(sign(psbtOf([first(), other()], [payment(700_000)]))).rejects.toEqual(
      coinRefused("other-mixdepth"),
    );
  });

  it("when a coin is frozen, or set aside for something else", async () => {
    const outpoints = [{ txid: placeOf.get("first") ?? "", index: 0 }];
    await operator().freeze({ ...owned, outpoints, isFrozen: true });
    await expect(sign(psbtOf([first()], [payment(299_000)]))).rejects.toEqual(coinRefused("frozen"));
    await operator().freeze({ ...owned, outpoints, isFrozen: false });

    const spend = { ...owned, mixdepth: 0, payments: [{ address: ELSEWHERE, amountSat: 10_000 }] };
    const made = await operator().psbtCreate({ ...spend, inputs: outpoints }, key());
    await expect(sign(psbtOf([first()], [payment(299_000)]))).rejects.toEqual(coinRefused("reserved"));
    expect(await operator().psbtCancel({ ...owned, txid: made.txid })).toEqual({ wasReserved: true });
    expect(await operator().psbtCancel({ ...owned, txid: made.txid })).toEqual({ wasReserved: false });
  });

  it("when none of it is ours, when it pays more than it has, when its fee must be a mistake", async () => {
    await expect(sign(psbtOf([strange()], [payment(500_000)]))).rejects.toEqual(
      refused("none of its inputs"),
    );
    await expect(sign(psbtOf([first()], [payment(300_001)]))).rejects.toEqual(refused("more than its coins"));
    await expect(sign(psbtOf([first()], [payment(1_000)]))).rejects.toMatchObject({ code: "WALLETD_FEE" });
    await expect(sign(psbtOf([first()], [payment(2 ** 53)]))).rejects.toEqual(refused("impossible"));
    await expect(sign("AAAA")).rejects.toEqual(refused("cut short"));
  });

  it("through the gateway beyond the limit of a day", async () => {
    const limited = await WalletdUnderTest.start(stillWorld(), {
      config: { mixdepths: 3, gap: 4, send_sat_per_day: 200_000 },
    });
    try {
      const { scriptPubKey } = WALLET.keys.key({ mixdepth: 0, chain: 0, index: 0 });
      await limited.money.pay({ script: scriptPubKey, amountSat: 300_000 });
      await limited.recovered("hot", WALLET.words);
      const gateway = limited.as("gateway");
      const { session } = await gateway.unlock({ wallet: "hot", password: PASSWORD });
      const mine = { wallet: "hot", session };
      const payments = (amountSat: number) => [{ address: ELSEWHERE, amountSat }];
      const spend = { ...mine, mixdepth: 0, fee: { satPerVb: 1 } };
      const large = await gateway.psbtCreate({ ...spend, payments: payments(200_000) }, key());
      await expect(gateway.psbtSign({ ...mine, psbt: large.psbt }, key())).rejects.toMatchObject({
        code: "WALLETD_LIMIT",
      });
      await gateway.psbtCancel({ ...mine, txid: large.txid });
      const small = await gateway.psbtCreate({ ...spend, payments: payments(150_000) }, key());
      // Asked for twice it counts once.
      await gateway.psbtSign({ ...mine, psbt: small.psbt }, key());
      const again = await gateway.psbtSign({ ...mine, psbt: small.psbt }, key());
      const { isSent } = await gateway.psbtFinish({ ...mine, psbt: again.psbt, isSent: true }, key());
      expect(isSent).toBe(true);
      const more = { ...spend, payments: payments(60_000) };
      await expect(gateway.send(more, key())).rejects.toMatchObject({ code: "WALLETD_LIMIT" });
    } finally {
      await limited.stop();
    }
  });
});

describe("what comes back from a signer", () => {
  const spend = () => ({
    ...watcher,
    mixdepth: 0,
    payments: [{ address: ELSEWHERE, amountSat: 50_000 }],
    inputs: [{ txid: placeOf.get("second") ?? "", index: 0 }],
    fee: { satPerVb: 2 },
  });
  const finish = (psbt: string) => operator().psbtFinish({ ...watcher, psbt }, key());

  it("is finished when it is what was made, also days later, and not when it was cancelled", async () => {
    const made = await operator().psbtCreate(spend(), key());
    const { psbt } = await sign(made.psbt);
    clock.pass(30 * HOUR_MS);

    expect(await finish(psbt)).toMatchObject({ txid: made.txid, feeSat: made.feeSat, isSent: false });
    await operator().psbtCancel({ ...watcher, txid: made.txid });
    await expect(finish(psbt)).rejects.toEqual(refused("neither made nor signed"));
    await operator().psbtCancel({ ...owned, txid: made.txid });
  });

  it("is refused when a signature is missing, another's, of another type, or for another transaction", async () => {
    const made = await operator().psbtCreate(spend(), key());
    const good = Psbt.parseBase64((await sign(made.psbt)).psbt);
    const maps = readMaps(good.toBytes());
    const [[field, signature] = ["", new Uint8Array(0)]] = [...(maps.inputs[0] ?? [])].filter(([name]) =>
      name.startsWith("02"),
    );
    const changed = (change: (bytes: Buffer) => unknown) => {
      const bytes = Buffer.from(signature);
      change(bytes);
      return with_(good, 0, { [field]: bytes.toString("hex") });
    };

    await expect(finish(made.psbt)).rejects.toEqual(refused("no signature that holds"));
    await expect(finish(changed((bytes) => bytes.writeUInt8(0x83, bytes.length - 1)))).rejects.toMatchObject({
      code: "WALLETD_PSBT",
    });
    await expect(finish(changed((bytes) => bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)))).rejects.toEqual(
      refused("no signature that holds"),
    );
    const forged = `02${Buffer.from([2, 0x30, 0x01]).toString("hex")}`;
    await expect(finish(with_(Psbt.parseBase64(made.psbt), 0, { "08": forged }))).rejects.toMatchObject({
      code: "WALLETD_PSBT",
    });
    await operator().psbtCancel({ ...watcher, txid: made.txid });
    await operator().psbtCancel({ ...owned, txid: made.txid });
  });

  it("is refused as a PSBT and a transaction at once, and as neither", async () => {
    await expect(operator().psbtFinish({ ...watcher }, key())).rejects.toEqual(refused("not both"));
  });
});

it("what is shown is what is signed: no change of a PSBT makes us sign anything else", async () => {
  const secondFree = [second(), strange()];
  const amounts = fc.integer({ min: 1, max: 900_000 });
  const scripts = fc.constantFrom(
    scriptOfAddress(ELSEWHERE, regtest),
    WALLET.keys.key({ mixdepth: 0, chain: 1, index: 0 }).scriptPubKey,
    WALLET.keys.key({ mixdepth: 0, chain: 1, index: 3 }).scriptPubKey,
    WALLET.keys.key({ mixdepth: 0, chain: 1, index: 2 ** 31 - 1 }).scriptPubKey,
    STRANGER.keys.key({ mixdepth: 0, chain: 1, index: 0 }).scriptPubKey,
  );
  const claims = fc.constantFrom(undefined, 0, 3, 2 ** 31 - 1);
  const outputs = fc.array(fc.record({ amountSat: amounts, script: scripts, claim: claims }), {
    minLength: 1,
    maxLength: 3,
  });
  const noise = fc.array(fc.record({ at: fc.nat(5_000), byte: fc.integer({ min: 1, max: 255 }) }), {
    maxLength: 2,
  });
  const reachable = new Set(
    [0, 3].map((index) => hexOf(WALLET.keys.key({ mixdepth: 0, chain: 1, index }).scriptPubKey)),
  );
  for (let index = 0; index < 10; index++) {
    reachable.add(hexOf(WALLET.keys.key({ mixdepth: 0, chain: 0, index }).scriptPubKey));
  }
  let signedCount = 0;
  await fc.assert(
    fc.asyncProperty(outputs, fc.boolean(), noise, async (wanted, hasStranger, changes) => {
      const pieces = hasStranger ? secondFree : [second()];
      const origins = wanted.map(({ claim }) =>
        claim === undefined
          ? {}
          : { origin: WALLET.keys.origin(WALLET.keys.key({ mixdepth: 0, chain: 1, index: claim })) },
      );
      const made = Psbt.create(
        transactionOf(
          pieces,
          wanted.map(({ amountSat, script }) => ({ amountSat: BigInt(amountSat), scriptPubKey: script })),
        ),
        pieces.map(({ amountSat, script }) => ({
          spent: { amountSat: BigInt(amountSat), scriptPubKey: script },
        })),
        origins,
      );
      const bytes = Buffer.from(made.toBytes());
      for (const { at, byte } of changes) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ byte;
      const psbt = bytes.toString("base64");
      const shown = await operator()
        .psbtShow({ ...owned, psbt })
        .catch(() => undefined);
      const signed = await sign(psbt).catch(() => undefined);
      if (signed === undefined) return;
      signedCount += 1;
      await operator().psbtCancel({ ...owned, txid: signed.txid });

      const answer = Psbt.parseBase64(signed.psbt);
      const { transaction } = answer;
      const { transaction: whole } = answer.finish();
      // Our input is the only one that is ours to sign, and the whole transaction is what was shown.
      expect(shown).toMatchObject({ refusal: null, txid: signed.txid, paysOutSat: signed.paysOutSat });
      expect(shown?.outputs.map(({ script, amountSat }) => [script, amountSat])).toEqual(
        transaction.outputs.map(({ scriptPubKey, amountSat }) => [hexOf(scriptPubKey), Number(amountSat)]),
      );
      const back = transaction.outputs
        .filter(({ scriptPubKey }) => reachable.has(hexOf(scriptPubKey)))
        .reduce((sum, { amountSat }) => sum + Number(amountSat), 0);
      expect(signed.paysOutSat).toBe(Math.max(0, second().amountSat - back));
      expect(signed.signed).toEqual([0]);
      const spent = { amountSat: BigInt(second().amountSat), scriptPubKey: second().script };
      expect(isInputSigned(whole, 0, spent)).toBe(true);
      // Nothing proves what the stranger's coin is worth, so no fee is told.
      expect(signed.feeSat === null).toBe(transaction.inputs.length > 1);
    }),
    { numRuns: 150 },
  );
  expect(signedCount).toBeGreaterThan(5);
}, 120_000);

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
