/** A sandbox of its own with makers that earn and a wallet whose coins are mixed: the built program, asked over its own bus as operator. */
import { join } from "node:path";
import type { Client } from "../../../bus/bus.ts";
import type { ConnectedBus } from "../../../bus/connected-bus.ts";
import { makerContract } from "../../../bus/contracts/maker.ts";
import type { ChildStatus, Tree } from "../../../bus/contracts/supervisor.ts";
import { type CoinjoinRun, takerContract } from "../../../bus/contracts/taker.ts";
import { walletdContract } from "../../../bus/contracts/walletd.ts";
import { operatorBus } from "../../../cli/operator-access.ts";
import { fund, type Opened, openMiner, openWallet } from "../../../cli/sandbox/sandbox-wallets.ts";
import { AdminClient } from "../../../supervisor/admin/client.ts";
import { dataPaths } from "../../../supervisor/host/data-directory.ts";
import { Home } from "../cli/command.ts";
import { callNode } from "../node/bitcoind.ts";
import { waitFor } from "../wait-for.ts";

export interface CoinjoinBoxOptions {
  readonly makers: number;
  /** By mixdepth, each coin's worth in satoshi. */
  readonly takerCoins: readonly (readonly number[])[];
  readonly makerCoins: readonly (readonly number[])[];
  readonly settings?: Readonly<Record<string, string>>;
  /** Actors that are to have a process of their own, so that each can be killed alone. */
  readonly processes?: readonly string[];
  /** What each maker asks for. */
  readonly feeSat?: number;
  /** How long it may run. */
  readonly limitMs?: number;
}

export interface JoinWish {
  readonly makers: number;
  readonly makersMin?: number;
  readonly amountSat: number | null;
  readonly mixdepth?: number;
}

/** Told when the market has answered, and of each version of the run that was seen. */
interface JoinListener {
  onPlanned?(): void;
  onNews?(run: CoinjoinRun): void;
}

export const BOX_WALLET = "mine";
/** A wallet that nobody has. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const REWARD_SAT = 5_000_000_000;
const MATURE_BLOCKS = 100;
const GRANT_S = 86_400;
const MAKER_GRANT_S = 30 * 86_400;

export class CoinjoinBox {
  readonly home: Home;
  readonly options: CoinjoinBoxOptions;
  /** The taker's wallet first. */
  wallets: Opened[] = [];
  #bus: ConnectedBus | undefined;

  private constructor(options: CoinjoinBoxOptions) {
    this.options = options;
    this.home = new Home([], options.limitMs);
  }

  static async start(options: CoinjoinBoxOptions): Promise<CoinjoinBox> {
    const box = new CoinjoinBox(options);
    try {
      await box.#start();
      return box;
    } catch (error) {
      await box.close();
      throw error;
    }
  }

  get bus(): ConnectedBus {
    if (this.#bus === undefined) throw new Error("the box is closed");
    return this.#bus;
  }

  get walletd(): Client<typeof walletdContract> {
    return this.bus.client(walletdContract);
  }

  get taker(): Client<typeof takerContract> {
    return this.bus.client(takerContract);
  }

  get maker(): Client<typeof makerContract> {
    return this.bus.client(makerContract);
  }

  get own(): Opened {
    const [own] = this.wallets;
    if (own === undefined) throw new Error("the box has no wallet yet");
    return own;
  }

  /** Plan, grant, coinjoin, to its end: what `supervisor coinjoin --yes` does. */
  async join(wish: JoinWish, listener: JoinListener = {}): Promise<CoinjoinRun> {
    return await this.outcome(await this.begin(wish, listener), listener);
  }

  async begin(
    { makers, makersMin = 2, amountSat, mixdepth = 0 }: JoinWish,
    { onPlanned }: JoinListener = {},
  ): Promise<string> {
    const { coins } = await this.walletd.coins({ ...this.own, mixdepth });
    const usable = coins.filter((coin) => coin.confirmations > 0 && coin.reservation === null);
    const availableSat = usable.reduce((sum, coin) => sum + coin.amountSat, 0);
    const asked = { amountSat, makers, makersMin };
    const plan = await this.taker.plan({
      ...asked,
      availableSat,
      coins: amountSat === null ? usable.length : 2,
    });
    onPlanned?.();
    const { makerFeesSatMax, miningFeeSatMax } = plan;
    const limits = { mixdepths: [mixdepth], makerFeesSatMax, miningFeeSatMax };
    const { grant } = await this.walletd.grant({ ...this.own, caller: "taker", ttlS: GRANT_S, limits });
    const { id } = await this.taker.start({
      ...asked,
      makers: plan.makers.length,
      plan: plan.plan,
      grant,
      mixdepth,
      makerFeesSatMax,
      miningFeeSatMax,
      satPerVb: plan.satPerVb,
    });
    return id;
  }

  async outcome(id: string, { onNews }: JoinListener = {}): Promise<CoinjoinRun> {
    for (
      let run = await this.taker.run({ id });
      ;
      run = await this.taker.run({ id, newerThan: run.version })
    ) {
      onNews?.(run);
      if (run.isOver) return run;
    }
  }

  async mine(blocks = 1, to = ELSEWHERE): Promise<void> {
    await this.node("generatetoaddress", blocks, to);
  }

  async node(method: string, ...params: unknown[]): Promise<unknown> {
    const tree = await this.tree();
    const cookie = join(tree.dataDirectory, "actors", "node", "regtest", ".cookie");
    const door = childOf(tree.root, "node")?.doors[0]?.address;
    if (door === undefined) throw new Error("the node has no door");
    return await callNode(door, cookie, method, params);
  }

  /** By the supervisor's own door, which is open whatever else is down. */
  tree(): Promise<Tree> {
    return this.#asAdmin((admin) => admin.call("tree", {}, { deadlineMs: 10_000 }));
  }

  /** One that the supervisor has given up, too. */
  async restart(child: string): Promise<void> {
    await this.#asAdmin((admin) => admin.call("restart", { child }, { deadlineMs: 60_000 }));
  }

  async #asAdmin<A>(ask: (admin: AdminClient) => Promise<A>): Promise<A> {
    const admin = await AdminClient.connect(dataPaths(this.home.data).socket);
    try {
      return await ask(admin);
    } finally {
      admin.close();
    }
  }

  async child(id: string): Promise<ChildStatus> {
    const child = childOf((await this.tree()).root, id);
    if (child === undefined) throw new Error(`no ${id} is in the tree`);
    return child;
  }

  /** How many makers have offers on the market. */
  async offering(): Promise<number> {
    const { makers } = await this.maker.status({});
    return makers.filter(({ state }) => state === "offering").length;
  }

  async reservedSat(owned: Opened): Promise<number> {
    const { mixdepths } = await this.walletd.balances(owned);
    return mixdepths.reduce((sum, { reservedSat }) => sum + reservedSat, 0);
  }

  /** After a walletd that has begun anew. */
  async unlock(): Promise<void> {
    const again: Opened[] = [];
    for (const { wallet } of this.wallets) again.push(await openWallet(this.walletd, wallet, true));
    this.wallets = again;
  }

  /** Its files stay until it is closed. */
  async stop(): Promise<void> {
    await this.#bus?.close();
    this.#bus = undefined;
    await this.home.run("stop");
  }

  async close(): Promise<void> {
    await this.#bus?.close();
    this.#bus = undefined;
    await this.home.close();
  }

  async #start(): Promise<void> {
    const settings: Record<string, string> = {
      "sandbox.block_interval_ms": "3600000",
      "taker.runs_max": "8",
      "walletd.open_max": "32",
      ...this.options.settings,
    };
    for (const actor of this.options.processes ?? []) settings[`placement.${actor}`] = "process";
    const sets = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    await this.home.start("--sandbox", "--data", this.home.data, ...sets);
    this.#bus = await operatorBus({ data: this.home.data, environment: {} }, "coinjoin box");
    const { makers, makerCoins, takerCoins } = this.options;
    const names = Array.from({ length: makers }, (_, i) => `maker-${i + 1}`);
    for (const wallet of [BOX_WALLET, ...names])
      this.wallets.push(await openWallet(this.walletd, wallet, false));
    const purses = this.wallets.map((opened, i) => ({ ...opened, coins: i === 0 ? takerCoins : makerCoins }));
    await this.#enrich(purses.flatMap(({ coins }) => coins.flat()).reduce((sum, sat) => sum + sat, 0));
    await fund(this.walletd, purses, await this.tree());
    for (const owned of this.wallets.slice(1)) await this.earn(owned);
    await waitFor("the makers' offers", async () => (await this.offering()) === makers);
  }

  /** The miner's coins at its one address count as one that may be spent: it mines some more, to addresses of their own. */
  async #enrich(neededSat: number): Promise<void> {
    const miner = await openMiner(this.walletd);
    for (let rewards = Math.ceil(neededSat / REWARD_SAT); rewards > 0; rewards--) {
      const { address } = await this.walletd.newAddress({ ...miner, mixdepth: 0 });
      await this.mine(1, address);
    }
    await this.mine(MATURE_BLOCKS);
    await waitFor("the miner's rewards", async () => {
      const { mixdepths } = await this.walletd.balances(miner);
      return (mixdepths[0]?.availableSat ?? 0) > neededSat;
    });
  }

  async earn(owned: Opened): Promise<void> {
    const { feeSat } = this.options;
    const { grant, id } = await this.walletd.grant({
      ...owned,
      caller: "maker",
      limits: {},
      ttlS: MAKER_GRANT_S,
    });
    const terms =
      feeSat === undefined
        ? {}
        : ({ offers: "absolute", absoluteFeeSat: feeSat, isFreeWithoutBond: false } as const);
    await this.maker.start({ wallet: owned.wallet, grant, grantId: id, terms });
  }
}

function childOf(child: ChildStatus, id: string): ChildStatus | undefined {
  if (child.id === id) return child;
  return child.children.map((one) => childOf(one, id)).find((found) => found !== undefined);
}
