/** Coins of elsewhere stand for a coinjoin when none of the wallet's own can; each try once, and never with a key kept. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes, parseTxid, txidToBytes } from "../../../bitcoin/bytes.ts";
import { publicKeyOf } from "../../../bitcoin/keys/curve.ts";
import { keyScript } from "../../../bitcoin/keys/key-script.ts";
import { formatWif } from "../../../bitcoin/keys/wif.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { makeCommitment, verifyOpening } from "../../../joinmarket/podle/commitment.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  knownWallet,
  type Owned,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(31);
const FEES = { makerFeesSatMax: 1_000, miningFeeSatMax: 10_000 };
const AMOUNT_SAT = 200_000;
/** No coin of the wallet is ever so old here. */
const AGE_MIN = 12;

const KEY = hexToBytes("03".repeat(32));
const key = formatWif(KEY, regtest);

let under: WalletdUnderTest;
let owned: Owned;
beforeEach(async () => {
  under = await WalletdUnderTest.start(stillWorld(), { config: { mixdepths: 3, gap: 4 } });
});
afterEach(() => under.stop());

const operator = () => under.as("operator");

async function lent(amountSat = 100_000, kind: "p2wpkh" | "p2sh-p2wpkh" | "p2pkh" = "p2wpkh") {
  const txid = await under.money.pay({ script: keyScript(publicKeyOf(KEY), kind), amountSat });
  return { txid, index: 0, key };
}

/** The wallet is opened once the coins of elsewhere are as old as they shall be, and is then paid. */
async function opened(): Promise<void> {
  await under.money.pay({
    script: WALLET.keys.key({ mixdepth: 0, chain: 0, index: 0 }).scriptPubKey,
    amountSat: 500_000,
  });
  owned = await under.recovered("mixed", WALLET.words);
}

async function question(more: object = {}) {
  const taker = under.as("taker");
  const { grant } = await operator().grant({ ...owned, caller: "taker", limits: FEES, ttlS: 3_600 });
  const side = await taker.reserveAsTaker({
    ...{ grant, mixdepth: 0, amountSat: AMOUNT_SAT, destination: null, ...FEES },
  });
  const asked = { grant, reservation: side.reservation, ageMin: AGE_MIN, percentMin: 20, ...more };
  return { side, ask: () => taker.commitment(asked) };
}

async function reopened(): Promise<void> {
  owned = await under.reopened("mixed");
}

describe("a coin of elsewhere", () => {
  it("stands for a coinjoin three times, also after a restart, and never a fourth time", async () => {
    const coin = await lent();
    await under.money.mine(AGE_MIN);
    await opened();
    expect(await operator().addExternalCoins({ ...owned, coins: [coin] })).toEqual({ added: 1 });
    const made = [await (await question()).ask()];
    await reopened();
    const { ask } = await question();
    made.push(await ask(), await ask());

    for (const [index, { commitment, opening }] of made.entries()) {
      expect({ txid: opening.txid, index: opening.index }).toEqual({ txid: coin.txid, index: 0 });
      const bytes = {
        ...{ P: hexToBytes(opening.P), P2: hexToBytes(opening.P2) },
        ...{ s: hexToBytes(opening.s), e: hexToBytes(opening.e) },
      };
      const whole = { txid: parseTxid(opening.txid), vout: 0, ...bytes };
      expect(verifyOpening(whole, commitment)).toBe(index);
    }
    await expect(ask()).rejects.toMatchObject({ data: { tooYoung: 1, tooSmall: 0, usedUp: 1 } });
    expect((await operator().externalCoins(owned)).coins).toMatchObject([{ tries: 3, triesLeft: 0 }]);
    // Nor by forgetting it and taking it again.
    await operator().forgetExternalCoins(owned);
    await expect(operator().addExternalCoins({ ...owned, coins: [coin] })).rejects.toMatchObject({
      data: { why: "used-up" },
    });
  });

  it("is not shown while a coin of the wallet can stand for it", async () => {
    const coin = await lent();
    await opened();
    await under.money.mine(5);
    await under.level(owned);
    await operator().addExternalCoins({ ...owned, coins: [coin] });
    const { side, ask } = await question({ ageMin: 5 });
    const shown: string[] = [];
    for (let tries = 0; tries < 6; tries++) shown.push((await ask()).opening.txid);

    const own = side.coins[0]?.txid ?? "";
    expect(shown).toEqual([own, own, own, coin.txid, coin.txid, coin.txid]);
  });

  it.each([
    ["young", 100_000, AGE_MIN - 2, { tooYoung: 2, tooSmall: 0 }],
    ["small", AMOUNT_SAT / 5 - 1, AGE_MIN, { tooYoung: 1, tooSmall: 1 }],
  ] as const)("that is too %s stands for nothing", async (_, amountSat, blocks, data) => {
    const coin = await lent(amountSat);
    await under.money.mine(blocks - 1);
    await opened();
    await operator().addExternalCoins({ ...owned, coins: [coin] });
    const { ask } = await question();

    await expect(ask()).rejects.toMatchObject({ code: "WALLETD_NO_COMMITMENT", data });
    // Nothing was used up by asking.
    expect((await operator().externalCoins(owned)).coins).toMatchObject([{ triesLeft: 3 }]);
  });

  it("of exactly the least age and worth is good", async () => {
    const coin = await lent(AMOUNT_SAT / 5, "p2sh-p2wpkh");
    await under.money.mine(AGE_MIN - 2);
    await opened();
    await operator().addExternalCoins({ ...owned, coins: [coin] });

    expect((await (await question()).ask()).opening.txid).toBe(coin.txid);
  });

  it("is shown as often as is asked for, and no more", async () => {
    const coin = await lent();
    await under.money.mine(AGE_MIN);
    await opened();
    await operator().addExternalCoins({ ...owned, coins: [coin] });
    const { ask } = await question({ triesMax: 1 });
    await ask();

    await expect(ask()).rejects.toMatchObject({ data: { usedUp: 1 } });
    expect((await operator().externalCoins(owned)).coins).toMatchObject([{ triesLeft: 2 }]);
  });

  it("is needed while the wallet's own lacks a block, and not when it has it", async () => {
    await opened();
    const [own] = (await operator().coins(owned)).coins;
    const { ask } = await question({ ageMin: (own?.confirmations ?? 0) + 1 });
    await expect(ask()).rejects.toMatchObject({ data: { tooYoung: 1, tooSmall: 0, usedUp: 0 } });
    await under.money.mine(1);
    await under.level(owned);

    expect((await ask()).opening.txid).toBe(own?.txid);
  });

  it("that was spent since stands for nothing, and is shown as gone", async () => {
    const coin = await lent();
    await under.money.mine(AGE_MIN);
    await opened();
    await operator().addExternalCoins({ ...owned, coins: [coin] });
    const input = {
      previousTxidBytes: txidToBytes(parseTxid(coin.txid)),
      ...{ previousIndex: 0, sequence: 0, scriptSig: new Uint8Array(0), witness: [] },
    };
    const output = { amountSat: 90_000n, scriptPubKey: keyScript(publicKeyOf(KEY), "p2wpkh") };
    under.money.node.mineThese([{ version: 2, locktime: 0, inputs: [input], outputs: [output] }]);
    await under.money.follow();
    await under.level(owned);

    await expect((await question()).ask()).rejects.toMatchObject({ data: { tooYoung: 1, usedUp: 0 } });
    expect((await operator().externalCoins(owned)).coins).toMatchObject([
      { amountSat: null, confirmations: null, triesLeft: 3 },
    ]);
  });

  it("is refused with the reason, and none of its neighbours is taken", async () => {
    const good = await lent();
    await opened();
    const { coins } = await operator().coins(owned);
    const [own] = coins;
    const other = formatWif(hexToBytes("04".repeat(32)), regtest);
    const why = async (bad: { txid: string; index: number; key: string }) => {
      await expect(operator().addExternalCoins({ ...owned, coins: [good, bad] })).rejects.toMatchObject({
        code: "WALLETD_EXTERNAL_COIN",
        data: { index: bad.index },
      });
      return operator()
        .addExternalCoins({ ...owned, coins: [bad] })
        .catch((error) => error.data.why);
    };

    expect(await why({ txid: own?.txid ?? "", index: own?.index ?? 0, key })).toBe("own");
    expect(await why({ txid: "ab".repeat(32), index: 7, key })).toBe("gone");
    expect(await why({ ...good, key: other })).toBe("other-key");
    expect(await why({ ...good, key: "x".repeat(52) })).toBe("bad-key");
    // A key of the main network is none here.
    expect(await why({ ...good, key: "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d" })).toBe(
      "bad-key",
    );
    expect((await operator().externalCoins(owned)).coins).toEqual([]);
  });

  it("leaves no trace of its key: not in the wallet's file, not in an answer", async () => {
    const coin = await lent();
    await opened();
    await operator().addExternalCoins({ ...owned, coins: [coin] });
    const kept = JSON.stringify(await operator().externalCoins(owned));
    await under.stopActor();
    const folder = join(under.directory, "wallets");
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)).toString("latin1"));
    await under.startActor();

    for (const text of [kept, ...files]) {
      expect(text).not.toContain(key);
      expect(text).not.toContain(bytesToHex(KEY));
    }
  });

  it("is its owner's business alone", async () => {
    const coin = await lent();
    await opened();
    for (const caller of ["maker", "taker", "gateway"] as const) {
      await expect(under.as(caller).addExternalCoins({ ...owned, coins: [coin] })).rejects.toMatchObject({
        code: "BUS_FORBIDDEN",
      });
    }
  });
});

describe("joinmarket-clientserver's commitments.json", () => {
  it("brings proofs that stand for a coinjoin, and what was used is not used again", async () => {
    const coin = await lent();
    await under.money.mine(AGE_MIN);
    await opened();
    const theirs = { txid: parseTxid(coin.txid), vout: 0, privateKey: KEY };
    const made = [0, 1, 2].map((index) => makeCommitment(theirs, index));
    const hex = (bytes: Uint8Array) => bytesToHex(bytes);
    const reveal = Object.fromEntries(
      made.map(({ index, opening: { P2, s, e } }) => [index, { P2: hex(P2), s: hex(s), e: hex(e) }]),
    );
    const external = { [`${coin.txid}:0`]: { P: hex(publicKeyOf(KEY)), reveal } };
    // The wallet's own coin, whose keys that program had too: its first two tries are used there.
    const [own] = (await operator().coins(owned)).coins;
    const ownKey = WALLET.keys.privateKey({ mixdepth: 0, chain: 0, index: 0 });
    const ownTries = [0, 1].map(
      (index) =>
        makeCommitment({ txid: parseTxid(own?.txid ?? ""), vout: own?.index ?? 0, privateKey: ownKey }, index)
          .commitment,
    );
    const used = [...ownTries, made[0]?.commitment];
    const file = JSON.stringify({ used, external });

    expect(await operator().importCommitments({ ...owned, file })).toEqual({ added: 1, used: 3, ignored: 0 });
    // Twice is once.
    expect(await operator().importCommitments({ ...owned, file })).toMatchObject({ used: 0 });
    const { ask } = await question({ ageMin: 1 });
    const asked = [await ask(), await ask(), await ask()];

    expect(asked.map(({ opening }) => opening.txid)).toEqual([own?.txid, coin.txid, coin.txid]);
    expect(used).not.toContain(asked[0]?.commitment);
    expect(asked.slice(1).map(({ commitment }) => commitment)).toEqual([
      made[1]?.commitment,
      made[2]?.commitment,
    ]);
    await expect(ask()).rejects.toMatchObject({ code: "WALLETD_NO_COMMITMENT" });
  });

  it("that says that another's coin belongs to a key is found out when it is needed", async () => {
    const coin = await lent();
    await under.money.mine(AGE_MIN);
    await opened();
    const stranger = { txid: parseTxid(coin.txid), vout: 0, privateKey: hexToBytes("05".repeat(32)) };
    const { P, P2, s, e } = makeCommitment(stranger, 0).opening;
    const [p, ...proof] = [P, P2, s, e].map(bytesToHex);
    const reveal = { "0": { P2: proof[0], s: proof[1], e: proof[2] } };
    const file = JSON.stringify({ used: [], external: { [`${coin.txid}:0`]: { P: p, reveal } } });
    expect(await operator().importCommitments({ ...owned, file })).toMatchObject({ added: 1 });

    await expect((await question()).ask()).rejects.toMatchObject({ code: "WALLETD_NO_COMMITMENT" });
  });

  it("is refused when it is something else", async () => {
    await opened();

    await expect(operator().importCommitments({ ...owned, file: "{}" })).rejects.toMatchObject({
      code: "WALLETD_COMMITMENTS_FILE",
    });
  });
});
