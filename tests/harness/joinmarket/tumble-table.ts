/** Tumbles at the table: schedules with destinations outside, and a driver that lets blocks come and waits pass until something stands still. */
import { regtest } from "../../../bitcoin/network.ts";
import { addressOfScript } from "../../../bitcoin/script/address.ts";
import type { RpcInput } from "../../../bus/contract/contract.ts";
import type { ScheduleTuple, Tumble } from "../../../bus/contracts/taker/tumble.ts";
import type { takerContract } from "../../../bus/contracts/taker.ts";
import { waitFor } from "../wait-for.ts";
import { JoinTable, type TableOptions } from "./join-table.ts";
import { scriptNumber } from "./parties.ts";

const FIRST_DESTINATION = 50_000;
const DESTINATIONS = 4;
const FEES_SAT = { makerFeesSatMax: 100_000, miningFeeSatMax: 100_000 };
const TURNS_MAX = 200_000;

/** A row as JoinMarket has it, with what tests do not care about. */
export function row(
  mixdepth: number,
  amount: number,
  destination: string,
  more: { makers?: number; waitMinutes?: number; completion?: 0 | 1 | string } = {},
): ScheduleTuple {
  const { makers = 3, waitMinutes = 30, completion = 0 } = more;
  return [mixdepth, amount, makers, destination, waitMinutes, 16, completion];
}

export class TumbleTable {
  readonly at: JoinTable;
  readonly addresses = Array.from(
    { length: DESTINATIONS },
    (_, i) => addressOfScript(scriptNumber(FIRST_DESTINATION + i), regtest) ?? "",
  );

  private constructor(at: JoinTable) {
    this.at = at;
  }

  static async set(options: TableOptions = {}): Promise<TumbleTable> {
    const { config, ...more } = options;
    const usual = { makers_min: 2, tumble_confirmations: 2, commitment_age: 1, broadcast: "self" as const };
    return new TumbleTable(
      await JoinTable.set({ mixdepths: 3, walletSat: [600_000], config: { ...usual, ...config }, ...more }),
    );
  }

  get taker() {
    return this.at.taker;
  }

  /** For all mixdepths and all addresses of the table. */
  async grant(destinations = this.addresses): Promise<string> {
    const limits = { ...FEES_SAT, destinations };
    const { grant } = await this.at.under.as("operator").grant({ ...this.at.owned, caller: "taker", limits });
    return grant;
  }

  async start(
    schedule: ScheduleTuple[],
    more: Partial<RpcInput<typeof takerContract, "tumbleStart">> = {},
  ): Promise<string> {
    const { id } = await this.taker.tumbleStart({
      wallet: "life",
      grant: await this.grant(),
      schedule,
      rules: { amountSatMin: 30_000, retrySeconds: 60 },
      satPerVb: 2,
      ...FEES_SAT,
      ...more,
    });
    return id;
  }

  /** Blocks come and waits pass, until it stands still or this holds. */
  async drive(id: string, isEnough: (tumble: Tumble) => boolean = () => false): Promise<Tumble> {
    let tumble = await this.taker.tumble({ id });
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      const { state, isOver } = tumble;
      if (isOver || state === "grant" || state === "address" || isEnough(tumble)) return tumble;
      await this.#pass(tumble);
      const isWorking = state === "mixing";
      tumble = await this.taker.tumble({ id, ...(isWorking ? { newerThan: tumble.version } : {}) });
    }
    throw new Error("the tumble neither ends nor stands still");
  }

  /** What has come to each of the table's addresses. */
  get arrivedSat(): number[] {
    return this.addresses.map((_, i) => this.#paidTo(scriptNumber(FIRST_DESTINATION + i)));
  }

  async #pass({ state, untilS }: Tumble): Promise<void> {
    const { clock, money } = this.at;
    if (state === "confirming") await money.mine(1);
    else if (untilS !== null) {
      await this.#settled();
      clock.advance(Math.max(0, untilS * 1_000 - clock.now()));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The wallet knows all that the chain says, as it would after so long a wait. */
  async #settled(): Promise<void> {
    const { under, owned, money } = this.at;
    await waitFor("the wallet to be level with the chain", async () => {
      const { tip } = await under.as("operator").balances(owned);
      return tip?.hash === money.node.tip.hash;
    });
  }

  #paidTo(script: Uint8Array): number {
    const { blocks, mempool } = this.at.money.node;
    const all = [
      ...blocks.flatMap(({ transactions }) => transactions),
      ...[...mempool.values()].map(({ transaction }) => transaction),
    ];
    return all
      .flatMap(({ outputs }) => outputs)
      .filter(({ scriptPubKey }) => Buffer.compare(scriptPubKey, script) === 0)
      .reduce((sum, { amountSat }) => sum + Number(amountSat), 0);
  }
}
