/** What our keys sign, before a real bitcoind: spends of every kind of coin, a coinjoin, partially signed transactions, messages. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesToHex, parseTxid, txidToBytes } from "../../bitcoin/bytes.ts";
import { keyScript } from "../../bitcoin/keys/key-script.ts";
import { seedOf } from "../../bitcoin/keys/mnemonic.ts";
import { formatWif } from "../../bitcoin/keys/wif.ts";
import { regtest } from "../../bitcoin/network.ts";
import { Psbt } from "../../bitcoin/psbt/psbt.ts";
import { addressOfScript, scriptOfAddress } from "../../bitcoin/script/address.ts";
import { type InputKey, signInputs, withSignedInputs } from "../../bitcoin/signing/inputs.ts";
import { signMessage, verifyMessage } from "../../bitcoin/signing/message.ts";
import { serializeTransaction, sizeVbOf, type Transaction } from "../../bitcoin/transaction.ts";
import { findBitcoind, RealNode } from "../../tests/harness/node/bitcoind.ts";
import { checkAsMaker } from "../coinjoin/maker-check.ts";
import { buildCoinjoin } from "../coinjoin/shape.ts";
import { estimateSizeVb } from "../coins/sizes.ts";
import { BOND_CHAIN, EXTERNAL_CHAIN, INTERNAL_CHAIN } from "./paths.ts";
import { WalletKeys } from "./wallet-keys.ts";

const bitcoind = findBitcoind();
const seed = seedOf(`${"abandon ".repeat(11)}about`.split(" "), "");
const native = WalletKeys.fromSeed(seed, { network: regtest, type: "bip84", hasBonds: true });
const nested = WalletKeys.fromSeed(seed, { network: regtest, type: "bip49", hasBonds: false });
const FEE_SAT = 10_000n;

/** A coin of ours on the node's chain, and what opens it. */
interface OwnCoin {
  readonly kind: "p2wpkh" | "p2sh-p2wpkh" | "p2pkh" | "bond";
  readonly txid: string;
  readonly key: Omit<InputKey, "index">;
  readonly redeemScript?: Uint8Array;
}

describe.skipIf(bitcoind === undefined)("a real bitcoind", () => {
  let node: RealNode;
  let coins: readonly OwnCoin[];

  beforeAll(async () => {
    node = await RealNode.start(bitcoind as string);
    coins = await fund();
  }, 300_000);
  afterAll(() => node.stop());

  /** Its coinbase pays each of our scripts once; then a hundred blocks make the coins ripe. */
  async function fund(): Promise<OwnCoin[]> {
    const at = { mixdepth: 0, chain: EXTERNAL_CHAIN, index: 0 };
    const [first, second, third, locked, old] = [
      native.key(at),
      native.key({ ...at, mixdepth: 1 }),
      nested.key(at),
      native.key({ mixdepth: 0, chain: BOND_CHAIN, index: 0 }),
      native.key({ ...at, index: 1 }),
    ];
    if (locked.spending.kind !== "bond" || third.spending.kind !== "p2sh-p2wpkh")
      throw new Error("another wallet");
    const plans = [
      { kind: "p2wpkh", scriptPubKey: first.scriptPubKey, privateKey: native.privateKey(first.path) },
      { kind: "p2wpkh", scriptPubKey: second.scriptPubKey, privateKey: native.privateKey(second.path) },
      {
        kind: "p2sh-p2wpkh",
        scriptPubKey: third.scriptPubKey,
        privateKey: nested.privateKey(third.path),
        redeemScript: third.spending.redeemScript,
      },
      {
        kind: "bond",
        scriptPubKey: locked.scriptPubKey,
        privateKey: native.privateKey(locked.path),
        witnessScript: locked.spending.witnessScript,
      },
      {
        kind: "p2pkh",
        scriptPubKey: keyScript(old.publicKey, "p2pkh"),
        privateKey: native.privateKey(old.path),
      },
    ] as const;
    const found: OwnCoin[] = [];
    for (const plan of plans) {
      const { kind, scriptPubKey, privateKey } = plan;
      const [block] = (await node.rpc("generatetoaddress", 1, addressOfScript(scriptPubKey, regtest))) as [
        string,
      ];
      const { tx } = (await node.rpc("getblock", block)) as { tx: [string] };
      const witnessScript = "witnessScript" in plan ? { witnessScript: plan.witnessScript } : {};
      const key = { spent: { amountSat: 50_00000000n, scriptPubKey }, privateKey, ...witnessScript };
      found.push({
        kind,
        txid: tx[0],
        key,
        ...("redeemScript" in plan ? { redeemScript: plan.redeemScript } : {}),
      });
    }
    await node.rpc(
      "generatetoaddress",
      100,
      native.key({ mixdepth: 4, chain: INTERNAL_CHAIN, index: 9 }).address,
    );
    return found;
  }

  const spend = (which: readonly OwnCoin[], change: Partial<Transaction> = {}): Transaction => ({
    version: 2,
    inputs: which.map(({ txid }) => ({
      previousTxidBytes: txidToBytes(parseTxid(txid)),
      previousIndex: 0,
      scriptSig: new Uint8Array(0),
      sequence: 0xffff_fffd,
      witness: [],
    })),
    outputs: [
      {
        amountSat: 50_00000000n * BigInt(which.length) - FEE_SAT,
        scriptPubKey: native.key({ mixdepth: 1, chain: INTERNAL_CHAIN, index: 0 }).scriptPubKey,
      },
    ],
    // Later than the bond's first of January 2020, and long past.
    locktime: 1_577_836_801,
    ...change,
  });
  const keysOf = (which: readonly OwnCoin[]): InputKey[] =>
    which.map(({ key }, index) => ({ index, ...key }));
  const verdictOn = async (transaction: Transaction) => {
    const hex = bytesToHex(serializeTransaction(transaction));
    const [verdict] = (await node.rpc("testmempoolaccept", [hex], 0)) as [
      { allowed: boolean; "reject-reason"?: string },
    ];
    return verdict.allowed ? "allowed" : verdict["reject-reason"];
  };

  it("takes a spend of all kinds of coins at once, as large as was estimated or a little smaller", async () => {
    const unsigned = spend(coins);
    const signed = withSignedInputs(unsigned, signInputs(unsigned, keysOf(coins)));
    const estimateVb = estimateSizeVb(
      coins.map(({ kind }) => kind),
      [unsigned.outputs[0]?.scriptPubKey ?? new Uint8Array(0)],
    );

    expect(await verdictOn(signed)).toBe("allowed");
    expect(sizeVbOf(signed)).toBeLessThanOrEqual(estimateVb);
    expect(sizeVbOf(signed)).toBeGreaterThan(estimateVb - 2 * coins.length);
  });

  it("does not take a bond before its time, which we do not sign either", async () => {
    const [bond] = coins.filter(({ kind }) => kind === "bond");
    if (bond === undefined) throw new Error("there is one");
    const early = spend([bond], { locktime: 1_577_836_799 });
    // Signed for the right time, then put into the transaction of the wrong one: as a foreign signer might.
    const right = signInputs(spend([bond]), keysOf([bond]));

    expect(() => signInputs(early, keysOf([bond]))).toThrow(
      expect.objectContaining({ code: "BITCOIN_NOT_SIGNED" }),
    );
    expect(await verdictOn(withSignedInputs(early, right))).toMatch(/Locktime requirement not satisfied/);
  });

  it("takes a coinjoin that one maker and one taker checked and signed", async () => {
    const [ours, theirs] = coins;
    if (ours === undefined || theirs === undefined) throw new Error("two were made");
    const partOf = (coin: OwnCoin, mixdepth: number) => ({
      coins: [
        {
          txid: parseTxid(coin.txid),
          vout: 0,
          valueSat: Number(coin.key.spent.amountSat),
          scriptPubKey: coin.key.spent.scriptPubKey,
        },
      ],
      coinjoinScript: native.key({ mixdepth: mixdepth + 1, chain: INTERNAL_CHAIN, index: 20 }).scriptPubKey,
      changeScript: native.key({ mixdepth, chain: INTERNAL_CHAIN, index: 20 }).scriptPubKey,
      coinjoinFeeSat: 1_000,
      txfeeSat: 0,
    });
    const taker = partOf(ours, 0);
    const maker = partOf(theirs, 2);
    const tipHeight = (await node.rpc("getblockcount")) as number;
    const built = buildCoinjoin(
      {
        taker: { ...taker, destinationScript: taker.coinjoinScript },
        makers: [maker],
        amountSat: 1_000_000_000,
        minerFeeSat: 3_000,
        tipHeight,
      },
      (end) => end - 1,
    );

    expect(checkAsMaker(built, { ...maker, network: regtest, amountSat: 1_000_000_000 })).toMatchObject({
      isGood: true,
      ownInputs: [1],
    });
    const byMaker = signInputs(built, [{ index: 1, ...theirs.key }]);
    const byTaker = signInputs(built, [{ index: 0, ...ours.key }]);
    expect(await verdictOn(withSignedInputs(built, [...byMaker, ...byTaker]))).toBe("allowed");
  });

  it("reads our partially signed transactions and finishes them as we do", async () => {
    const unsigned = spend(coins);
    const facts = await Promise.all(
      coins.map(async ({ txid, key, redeemScript }) => ({
        spent: key.spent,
        previousTransaction: Buffer.from((await previousOf(txid)) as string, "hex"),
        ...(redeemScript === undefined ? {} : { redeemScript }),
        ...(key.witnessScript === undefined ? {} : { witnessScript: key.witnessScript }),
      })),
    );
    const psbt = Psbt.create(unsigned, facts, [{}]);
    const decoded = (await node.rpc("decodepsbt", psbt.toBase64(0))) as { fee: number; inputs: unknown[] };
    expect(decoded.inputs).toHaveLength(coins.length);
    expect(decoded.fee).toBeCloseTo(Number(FEE_SAT) / 1e8, 8);

    psbt.addSignatures(signInputs(unsigned, keysOf(coins)));
    const ours = psbt.finish();
    expect(ours.unsignedInputs).toEqual([]);
    expect(await verdictOn(ours.transaction)).toBe("allowed");
    // A node finishes what it has a rule for; a bond's script is not among them.
    const known = coins.filter(({ kind }) => kind !== "bond");
    const plain = spend(known);
    const plainPsbt = Psbt.create(
      plain,
      facts.filter(({ spent }) => known.some(({ key }) => key.spent === spent)),
      [{}],
    );
    plainPsbt.addSignatures(signInputs(plain, keysOf(known)));
    const theirs = (await node.rpc("finalizepsbt", plainPsbt.toBase64(0))) as {
      hex: string;
      complete: boolean;
    };
    expect(theirs.complete).toBe(true);
    expect(theirs.hex).toBe(bytesToHex(serializeTransaction(plainPsbt.finish().transaction)));
  });

  async function previousOf(txid: string): Promise<unknown> {
    const height = coins.findIndex((coin) => coin.txid === txid) + 1;
    return node.rpc("getrawtransaction", txid, false, await node.rpc("getblockhash", height));
  }

  it("signs and takes messages as we do", async () => {
    const { publicKey, path } = native.key({ mixdepth: 0, chain: EXTERNAL_CHAIN, index: 1 });
    const privateKey = native.privateKey(path);
    const script = keyScript(publicKey, "p2pkh");
    const address = addressOfScript(script, regtest) ?? "";
    const text = "hello joinmarket \u20bf";
    const message = Buffer.from(text);

    const ours = signMessage(message, privateKey, "p2pkh", "legacy");
    const theirs = (await node.rpc("signmessagewithprivkey", formatWif(privateKey, regtest), text)) as string;

    expect(await node.rpc("verifymessage", address, ours, text)).toBe(true);
    expect(verifyMessage(message, theirs, scriptOfAddress(address, regtest))).toBe(true);
  });
});
