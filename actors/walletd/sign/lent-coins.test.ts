/** Coins of another wallet of the same owner stand for a coinjoin: of one that is open, or of another program's file; no key leaves, and nothing of the file stays. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import { formatWif } from "../../../bitcoin/keys/wif.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { verifyOpening } from "../../../joinmarket/podle/commitment.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import { recordedWorld } from "../../../tests/harness/walletd/recorded-world.ts";
import {
  knownWallet,
  type Owned,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";
import chain from "../../../tests/vectors/foreign-wallets/chain.json" with { type: "json" };
import clientserver from "../../../tests/vectors/foreign-wallets/clientserver.json" with { type: "json" };
import joinmarketNg from "../../../tests/vectors/foreign-wallets/joinmarket-ng.json" with { type: "json" };

const WALLET = knownWallet(31);
const LENDER = knownWallet(32);
const FEES = { makerFeesSatMax: 1_000, miningFeeSatMax: 10_000 };
const AGE_MIN = 12;
const NONE = { frozen: 0, setAside: 0, bonds: 0, usedUp: 0 };

let under: WalletdUnderTest;
let owned: Owned;
let from: Owned;
afterEach(() => under.stop());

const operator = () => under.as("operator");
const listed = async () => (await operator().externalCoins(owned)).coins.map(({ txid }) => txid).sort();
const whyOf = (asking: Promise<unknown>) => asking.catch((error) => error.data.why ?? error.code);

/** What a taker shows for an amount for which no coin of the wallet itself is old enough. */
async function question() {
  const taker = under.as("taker");
  const { grant } = await operator().grant({ ...owned, caller: "taker", limits: FEES, ttlS: 3_600 });
  const side = await taker.reserveAsTaker({
    ...{ grant, mixdepth: 0, amountSat: 200_000, destination: null, ...FEES },
  });
  return () => taker.commitment({ grant, reservation: side.reservation, ageMin: AGE_MIN, percentMin: 20 });
}

function proves({
  commitment,
  opening,
}: Awaited<ReturnType<Awaited<ReturnType<typeof question>>>>): number | undefined {
  const { txid, index: vout, ...texts } = opening;
  const [P, P2, s, e] = [texts.P, texts.P2, texts.s, texts.e].map((hex) => hexToBytes(hex)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return verifyOpening({ txid: parseTxid(txid), vout, P, P2, s, e }, commitment);
}

describe("coins of a wallet that is here", () => {
  let txids: string[];
  beforeEach(async () => {
    under = await WalletdUnderTest.start(stillWorld(), { config: { mixdepths: 3, gap: 4 } });
    txids = await under.fund(LENDER, [0, 0, 100_000], [1, 0, 120_000]);
    await under.money.mine(AGE_MIN);
    await under.fund(WALLET, [0, 0, 500_000]);
    from = await under.recovered("lender", LENDER.words, { hasBonds: true });
    owned = await under.recovered("mixed", WALLET.words);
  });

  it("stand for its coinjoins, each by its own key and three times", async () => {
    expect(await operator().lendCoins({ ...owned, from })).toEqual({ added: 2, ...NONE });
    expect(await listed()).toEqual([...txids].sort());
    const ask = await question();
    const made = [];
    for (let tries = 0; tries < 6; tries++) made.push(await ask());

    for (const each of made) {
      const mixdepth = txids.indexOf(each.opening.txid);
      const { publicKey } = LENDER.keys.key({ mixdepth, chain: 0, index: 0 });
      expect(each.opening.P).toBe(bytesToHex(publicKey));
      expect(proves(each)).toBeTypeOf("number");
    }
    expect(new Set(made.map(({ commitment }) => commitment)).size).toBe(6);
    await expect(ask()).rejects.toMatchObject({ code: "WALLETD_NO_COMMITMENT" });
    // Nor by forgetting them and lending them again.
    await operator().forgetExternalCoins(owned);
    expect(await operator().lendCoins({ ...owned, from })).toEqual({ added: 0, ...NONE, usedUp: 2 });
    const outpoints = [{ txid: txids[0] ?? "", index: 0 }];
    expect(await whyOf(operator().lendCoins({ ...owned, from, outpoints }))).toBe("used-up");
  });

  it("that are frozen, set aside, or bonds are passed over, and refused where they are named", async () => {
    const { address } = await operator().bondAddress({ ...from, lockDate: "2090-01" });
    const { scriptPubKey } = LENDER.keys.key({ mixdepth: 0, chain: 2, index: 840 });
    const bond = await under.money.pay({ script: scriptPubKey, amountSat: 70_000 });
    const [free] = await under.fund(LENDER, [2, 0, 90_000]);
    await under.level(from);
    const frozen = { txid: txids[1] ?? "", index: 0 };
    await operator().freeze({ ...from, outpoints: [frozen], isFrozen: true });
    const taker = under.as("taker");
    const { grant } = await operator().grant({ ...from, caller: "taker", limits: FEES, ttlS: 3_600 });
    await taker.reserveAsTaker({ grant, mixdepth: 0, amountSat: 40_000, destination: null, ...FEES });
    const refused = async (txid: string) =>
      whyOf(operator().lendCoins({ ...owned, from, outpoints: [{ txid, index: 0 }] }));

    expect(LENDER.keys.key({ mixdepth: 0, chain: 2, index: 840 }).address).toBe(address);
    expect(await refused(frozen.txid)).toBe("frozen");
    expect(await refused(txids[0] ?? "")).toBe("set-aside");
    expect(await refused(bond)).toBe("bond");
    expect(await refused("ab".repeat(32))).toBe("not-lenders");
    expect(await listed()).toEqual([]);
    expect(await operator().lendCoins({ ...owned, from })).toEqual({
      ...{ added: 1, frozen: 1, setAside: 1, bonds: 1, usedUp: 0 },
    });
    expect(await listed()).toEqual([free]);
  });

  it("are looked at without being lent in a trial", async () => {
    const outpoints = [{ txid: txids[1] ?? "", index: 0 }];

    expect(await operator().lendCoins({ ...owned, from, outpoints, isTrial: true })).toEqual({
      ...{ added: 1, ...NONE },
    });
    const key = formatWif(LENDER.keys.privateKey({ mixdepth: 0, chain: 0, index: 0 }), regtest);
    const coins = [{ txid: txids[0] ?? "", index: 0, key }];
    expect(await operator().addExternalCoins({ ...owned, coins, isTrial: true })).toEqual({ added: 1 });
    expect(await listed()).toEqual([]);
  });

  it("are never the wallet's own, by whatever name it lends them", async () => {
    const again = await under.recovered("again", WALLET.words);

    for (const lender of [owned, again]) {
      expect(await whyOf(operator().lendCoins({ ...owned, from: lender }))).toBe("own");
    }
  });

  it("are lent by the owner of both alone, while both are open, and by one that has keys", async () => {
    const lent = (caller: "gateway" | "maker" | "taker" | "operator", lender: Owned) =>
      under
        .as(caller)
        .lendCoins({ ...owned, from: lender })
        .catch((error) => error.code);
    const { accounts } = await operator().publicKeys(from);
    const { session } = await operator().watch({
      ...{ wallet: "watching", password: PASSWORD, keys: accounts.map(({ xpub }) => xpub) },
    });
    const watching = { wallet: "watching", session };
    await under.level(watching);

    for (const caller of ["gateway", "maker", "taker"] as const) {
      expect(await lent(caller, from)).toBe("BUS_FORBIDDEN");
    }
    expect(await lent("operator", { ...from, session: "ab".repeat(32) })).toBe("WALLETD_NO_SESSION");
    expect(await lent("operator", { wallet: from.wallet, session: owned.session })).toBe(
      "WALLETD_NO_SESSION",
    );
    expect(await lent("operator", watching)).toBe("WALLETD_WATCH_ONLY");
    await operator().lock(from);
    expect(await lent("operator", from)).toBe("WALLETD_NO_SESSION");
    expect(await listed()).toEqual([]);
  });

  it("stand for it also from another program's file, of which nothing stays but the proofs", async () => {
    const exported = await operator().exportFile({ ...from, password: PASSWORD, form: "clientserver" });
    await operator().lock(from);
    const before = await operator().list({});
    const theirs = { name: "old.jmdat", file: exported.file, password: PASSWORD };
    const wrong = { ...theirs, password: "another" };

    expect(await whyOf(operator().lendCoins({ ...owned, from: wrong }))).toBe("WALLETD_WRONG_PASSWORD");
    expect(await operator().lendCoins({ ...owned, from: theirs })).toEqual({ added: 2, ...NONE });
    expect(txids).toContain((await (await question())()).opening.txid);
    expect(await operator().list({})).toEqual(before);
    await under.stopActor();
    const folder = join(under.directory, "wallets");
    const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name)).toString("latin1"));
    await under.startActor();
    for (const mixdepth of [0, 1]) {
      const key = LENDER.keys.privateKey({ mixdepth, chain: 0, index: 0 });
      for (const text of texts) {
        expect(text).not.toContain(bytesToHex(key));
        expect(text).not.toContain(Buffer.from(key).toString("latin1"));
        expect(text).not.toContain(formatWif(key, regtest));
      }
    }
  });

  it("of files that are none, of ours, or of another network are refused and nothing is added", async () => {
    const lent = (bytes: Buffer) => {
      const file = { name: "x.jmdat", file: bytes.toString("base64"), password: PASSWORD };
      return whyOf(operator().lendCoins({ ...owned, from: file }));
    };
    const ours = readFileSync(join(under.directory, "wallets", "lender.jmdat"));

    expect(await lent(Buffer.from("no wallet at all"))).toBe("WALLETD_FILE_UNKNOWN");
    expect(await lent(ours)).toBe("WALLETD_FILE_UNSUPPORTED");
    expect(await listed()).toEqual([]);
  });
});

describe("wallet files that other programs made", () => {
  beforeEach(async () => {
    under = await WalletdUnderTest.start(recordedWorld(chain.blocks));
    owned = await under.recovered("mixed", WALLET.words);
  });

  it("lend the coins that joinmarket-clientserver itself would, without what is frozen or a bond", async () => {
    for (const { name, file, password, utxos } of clientserver.wallets) {
      const given = { name, file, password: password || "none" };
      const answer = await operator().lendCoins({ ...owned, from: given });
      const isBond = ({ path }: { path: string }) => /\/2\/\d+:/.test(path);
      // The later coin of an address is frozen here by rule; the other program does it only while it watches.
      const isLater = ({ path, value }: (typeof utxos)[number]) =>
        utxos.some((other) => other.path === path && other.value > value);
      const free = utxos.filter((coin) => !coin.frozen && !isBond(coin) && !isLater(coin));
      const bonds = utxos.filter(isBond).length;
      const frozen = utxos.length - free.length - bonds;

      expect({ name, ...answer }).toEqual({ name, ...NONE, added: free.length, bonds, frozen });
      expect(await listed()).toEqual(free.map(({ outpoint }) => outpoint.split(":")[0]).sort());
      await operator().forgetExternalCoins(owned);
    }
  });

  it("of joinmarket-ng, of words with a passphrase too, lend theirs", async () => {
    for (const { file: name, content, password, passphrase, utxos } of joinmarketNg.wallets) {
      const given = { name, file: content, password: password || "none", passphrase };
      const answer = await operator().lendCoins({ ...owned, from: given });
      const theirs = new Set(utxos.map(({ outpoint }) => outpoint.split(":")[0] ?? ""));

      // What is frozen there lies beside the file, not in it.
      expect(answer.bonds).toBe(utxos.filter(({ path }) => /\/2\/\d+:/.test(path)).length);
      expect(answer.added + answer.bonds + answer.frozen).toBe(utxos.length);
      for (const txid of await listed()) expect(theirs).toContain(txid);
      await operator().forgetExternalCoins(owned);
    }
  });
});
