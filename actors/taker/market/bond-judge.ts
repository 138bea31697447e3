/** What makers' fidelity bonds are worth: by their proofs, and by what our own index says of the coins behind them. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import type { Bus, Client } from "../../../bus/bus.ts";
import type { ForeignCoin, ForeignCoins } from "../../../bus/chain/foreign-coins.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { checkBondProof, isBondOutput, type ProvenBond } from "../../../joinmarket/bond/proof.ts";
import { bondValue } from "../../../joinmarket/bond/value.ts";
import { outpointOf } from "../../../joinmarket/coinjoin/own-side.ts";
import type { ProvenValue } from "../../../joinmarket/orderbook/candidates.ts";
import type { BookMaker } from "../../../joinmarket/orderbook/orderbook.ts";
import type { Clock } from "../../../runtime/clock.ts";

/** What a maker has proved, and what our own index says of it. */
export interface JudgedBond extends ProvenValue {
  readonly bond: ProvenBond;
  readonly coin: ForeignCoin;
  readonly confirmedS: number;
}

const HEADER_TIME_AT = 68;
const MS_PER_S = 1_000;

export class BondJudge {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #coins: ForeignCoins;
  readonly #clock: Clock;

  constructor(bus: Bus, coins: ForeignCoins, clock: Clock) {
    this.#indexer = bus.client(indexerContract);
    this.#coins = coins;
    this.#clock = clock;
  }

  /** By maker; who has none, or proves none to this taker, is not in it. */
  async values(makers: readonly BookMaker[], taker: string): Promise<ReadonlyMap<string, JudgedBond>> {
    const { tip } = await this.#indexer.tip({});
    const claims = makers.flatMap(({ nick, bondProof }) => {
      if (bondProof === undefined) return [];
      const bond = checkBondProof(bondProof, { maker: nick, taker }, tip?.height ?? 0);
      return bond === undefined ? [] : [{ nick, bond }];
    });
    const values = new Map<string, JudgedBond>();
    if (claims.length === 0) return values;
    const coins = await this.#coins.look(claims.map(({ bond }) => bond));
    for (const [i, { nick, bond }] of claims.entries()) {
      const judged = await this.#judged(bond, coins[i]);
      if (judged !== undefined) values.set(nick, judged);
    }
    return values;
  }

  /** Nothing for one that is worth nothing. */
  async #judged(bond: ProvenBond, coin: ForeignCoin | undefined): Promise<JudgedBond | undefined> {
    if (coin === undefined || coin.height === null || !isBondOutput(bond, coin.scriptPubKey))
      return undefined;
    const { hex } = await this.#indexer.headers({ height: coin.height, count: 1 });
    if (hex === "") return undefined;
    const confirmedS = Buffer.from(hexToBytes(hex)).readUInt32LE(HEADER_TIME_AT);
    const { locktime } = bond;
    const value = bondValue({ valueSat: coin.valueSat, confirmedS, locktime }, this.#clock.now() / MS_PER_S);
    return value > 0 ? { outpoint: outpointOf(bond), value, bond, coin, confirmedS } : undefined;
  }
}
