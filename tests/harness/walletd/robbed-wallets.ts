/** Two wallets on a real broker with the release's rights, for tests in which an actor that wants their money stands in another's place. */
import { expect } from "vitest";
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import type { Transaction } from "../../../bitcoin/transaction.ts";
import { MAKER_TERMS, madeFor, rawOf, takenFrom } from "./coinjoin-sides.ts";
import { stillWorld } from "./money-world.ts";
import { HastyClock, knownWallet, type Owned, WalletdUnderTest } from "./walletd-under-test.ts";

export const MINE = knownWallet(21);
export const OTHERS = knownWallet(22);
export const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
export const ELSEWHERE_SCRIPT = hexToBytes("0014751e76e8199196d454941c45d1b3a323f1433bd6");
export const FEES = { makerFeesSatMax: 1_000, miningFeeSatMax: 5_000 };
export const HOUR_MS = 3_600_000;

type Output = Transaction["outputs"][number];

export class RobbedWallets {
  readonly clock: HastyClock;
  readonly under: WalletdUnderTest;
  /** The wallet that was given to maker and taker, and one that was given to nobody; both unlocked by the operator. */
  readonly mine: Owned;
  readonly others: Owned;

  private constructor(under: WalletdUnderTest, clock: HastyClock, mine: Owned, others: Owned) {
    this.under = under;
    this.clock = clock;
    this.mine = mine;
    this.others = others;
  }

  static async start(): Promise<RobbedWallets> {
    const clock = new HastyClock();
    const under = await WalletdUnderTest.start(stillWorld(), {
      ...{ clock, carrier: "embedded" },
      config: { mixdepths: 3, gap: 4, seed_over_http: "no", send_sat_per_day: 150_000 },
    });
    await under.fund(MINE, [0, 0, 300_000], [0, 1, 400_000], [1, 0, 500_000]);
    await under.fund(OTHERS, [0, 0, 900_000]);
    const mine = await under.recovered("mine", MINE.words, { hasBonds: false });
    const others = await under.recovered("others", OTHERS.words, { hasBonds: false });
    return new RobbedWallets(under, clock, mine, others);
  }

  stop(): Promise<void> {
    return this.under.stop();
  }

  async grantTo(caller: "maker" | "taker", limits: object = {}, ttlS = 86_400): Promise<string> {
    const base = caller === "taker" ? FEES : {};
    const { grant } = await this.under
      .as("operator")
      .grant({ ...this.mine, caller, limits: { ...base, ...limits }, ttlS });
    return grant;
  }

  async makerSide(mixdepth = 0) {
    const { under } = this;
    const grant = await this.grantTo("maker");
    const side = await under.as("maker").reserveAsMaker({ grant, mixdepth, ...MAKER_TERMS });
    const sign = (transaction: Transaction) =>
      under.as("maker").signAsMaker({ grant, reservation: side.reservation, rawTx: rawOf(transaction) });
    return { grant, side, sign, good: takenFrom(side) };
  }

  async takerSide() {
    const { under } = this;
    const grant = await this.grantTo("taker", { destinations: [ELSEWHERE] });
    const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: ELSEWHERE, ...FEES };
    const side = await under.as("taker").reserveAsTaker(wish);
    const sign = (transaction: Transaction, participants = 3) =>
      under.as("taker").signAsTaker({
        ...{ grant, reservation: side.reservation, participants },
        rawTx: rawOf(transaction),
      });
    return { grant, side, sign, good: madeFor(side, 200_000) };
  }
}

/** The transaction with its first such output changed. */
export function changed(
  transaction: Transaction,
  at: (output: Output) => boolean,
  to: Partial<Output>,
): Transaction {
  const index = transaction.outputs.findIndex(at);
  expect(index, "the output that is changed").toBeGreaterThanOrEqual(0);
  const outputs = transaction.outputs.map((output, i) => (i === index ? { ...output, ...to } : output));
  return { ...transaction, outputs };
}

export const paying = (script: Uint8Array) => (output: Output) =>
  Buffer.compare(output.scriptPubKey, script) === 0;

export function ownScript(mixdepth: number, chain: number, index: number): Uint8Array {
  return MINE.keys.key({ mixdepth, chain, index }).scriptPubKey;
}
