import { describe, expect, it } from "vitest";
import { plainPaint } from "../view/terminal.ts";
import { historyLines, spendLines } from "./spend-view.ts";
import { addressLines, coinLines, displayLines, listLines, statusLines, wordLines } from "./wallet-view.ts";

const TXID = "ab".repeat(32);
const COIN = {
  txid: TXID,
  index: 1,
  amountSat: 150_000_000,
  address: "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk",
  path: "m/84'/1'/0'/0/0",
  mixdepth: 0,
  isInternal: false,
  height: 7,
  confirmations: 3,
  isFrozen: true,
  frozenBy: "reuse",
  reservation: null,
  label: "from \u001b[31mEve",
  locktimeS: null,
  isCoinjoinOutput: true,
  commitmentsUsed: 0,
  commitmentsLeft: 3,
} as const;

describe("the wallet's answers", () => {
  it("name the wallets, and whose form a file has", () => {
    const lines = listLines(
      [
        { wallet: "savings", form: "troupe", isUnlocked: true },
        { wallet: "old", form: "clientserver", isUnlocked: false },
      ],
      plainPaint,
    );

    expect(lines).toEqual([
      "WALLET   STATE",
      "savings  unlocked",
      "old      locked    joinmarket-clientserver's; it becomes ours when it is unlocked",
    ]);
    expect(listLines([], plainPaint)).toEqual(["There is no wallet yet."]);
  });

  it("number the words as they are written down", () => {
    const words = "abandon ability able about above absent absorb abstract absurd abuse access accident";

    expect(wordLines("w", words, plainPaint, 80).slice(-4, -1)).toEqual([
      "    1. abandon    2. ability    3. able       4. about",
      "    5. above      6. absent     7. absorb     8. abstract",
      "    9. absurd    10. abuse     11. access    12. accident",
    ]);
  });

  it("puts what a narrow terminal has no room for below its row, whole and side by side where that fits", () => {
    const lines = coinLines([{ ...COIN, label: "" }], plainPaint, 80);

    expect(lines).toEqual([
      "MIXDEPTH           BTC  CONFIRMED",
      "       0  1.50 000 000          3",
      `  ${TXID}:1`,
      "  frozen: its address was paid before, from a coinjoin",
    ]);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(coinLines([COIN], plainPaint, 400)).toEqual(coinLines([COIN], plainPaint));
  });

  it("show each coin with why it is not spent, and nobody's control characters", () => {
    const [title, row] = coinLines([COIN], plainPaint);

    expect(title).toMatch(/^MIXDEPTH\s+BTC\s+CONFIRMED\s+COIN\s+STATE\s+LABEL$/);
    expect(row).toContain(
      `1.50 000 000          3  ${TXID}:1  frozen: its address was paid before, from a coinjoin`,
    );
    expect(row).toContain("from \\u001b[31mEve");
    expect(row).not.toContain("\u001b");
  });

  it("say of each mixdepth what cannot be spent", () => {
    const nothing = { unconfirmedSat: 0, frozenSat: 0, reservedSat: 0, bondSat: 0 };
    const lines = displayLines(
      {
        wallet: "savings",
        tip: null,
        totalSat: 300,
        availableSat: 100,
        mixdepths: [
          { mixdepth: 0, totalSat: 300, availableSat: 100, coins: 2, ...nothing, frozenSat: 200 },
          { mixdepth: 1, totalSat: 0, availableSat: 0, coins: 0, ...nothing },
        ],
        accounts: [],
      },
      plainPaint,
    );

    expect(lines[0]).toBe("savings  0.00 000 300 BTC, of which 0.00 000 100 can be spent");
    expect(lines[3]).toContain("frozen 0.00 000 200");
    expect(lines[4]?.trim()).toBe("1      0  0.00 000 000  0.00 000 000");
  });

  it("tell how far a wallet is looked up, and what stands in the way", () => {
    const status = {
      wallet: "savings",
      type: "bip49",
      hasBonds: false,
      canSign: true,
      fingerprint: "73c5da0a",
      clientserverId: "779c5b",
      joinmarketNgId: "5525def6",
      createdAtS: null,
      creationHeight: null,
      mixdepths: 5,
      gap: 20,
      sync: {
        isKnown: false,
        isScanning: true,
        progress: 0.256,
        tip: null,
        scripts: 220,
        lookedUp: 56,
        transactions: 3,
        trouble: "the indexer is away",
      },
      reservations: 0,
      grants: [],
    } as const;

    expect(statusLines({ ...status, grants: [] }, plainPaint)).toEqual([
      "wallet        savings (73c5da0a)",
      "kind          nested SegWit (BIP49), 5 mixdepths, gap 20",
      "its coins     being looked up: 56 of 220 scripts so far",
      "              the indexer is away",
      "so far        220 scripts, 3 transactions",
    ]);
    const sync = { ...status.sync, scripts: 1, transactions: 1 };
    const one = statusLines({ ...status, sync, reservations: 1, grants: [] }, plainPaint);
    expect(one.slice(-2)).toEqual(["so far        1 script, 1 transaction", "reserved      1 reservation"]);
  });

  it("draw a QR code only where there is room for it", () => {
    const answer = { address: COIN.address, path: COIN.path };

    expect(addressLines(answer, false)).toEqual([COIN.address]);
    expect(addressLines(answer, true)[0]).toContain("█");
  });
});

describe("what a payment costs", () => {
  it("is said in satoshi and percent before it is sent", () => {
    const input = {
      txid: TXID,
      index: 0,
      scriptSig: "",
      sequence: 0xffff_fffd,
      witness: "",
      amountSat: 100_000,
    };
    const lines = spendLines(
      {
        transaction: {
          txid: TXID,
          rawTx: "00",
          version: 2,
          locktime: 0,
          inputs: [input],
          outputs: [
            { amountSat: 60_000, script: "00", address: "bc1qtheirs", isOurs: false },
            { amountSat: 39_700, script: "00", address: "bc1qours", isOurs: true },
          ],
        },
        feeSat: 300,
        sizeVb: 141,
        satPerVb: 2.127_66,
        changeSat: 39_700,
        mixdepth: 1,
        isSent: false,
        replaces: null,
      },
      plainPaint,
    );

    expect(lines).toEqual([
      "pays      0.00 060 000 BTC to bc1qtheirs",
      "from      mixdepth 1: 1 coin of 0.00 100 000 BTC",
      "fee       300 sat, 2.13 sat/vB for 141 vB, 0.50 % of what is paid",
      "change    0.00 039 700 BTC back to mixdepth 1",
    ]);
  });
});

it("tells how many older transactions there are", () => {
  expect(historyLines({ total: 0, entries: [], unsent: [] }, plainPaint)).toEqual([
    "Nothing has happened in this wallet yet.",
  ]);
});
