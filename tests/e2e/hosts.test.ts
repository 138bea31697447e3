/** docs/hosts.md, done as it stands on hosts of their own: either gateway's host is lost, and its wallets miss nothing. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import type { Tree } from "../../bus/contracts/supervisor.ts";
import { hasOpenssl } from "../harness/cli/certificates.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { Wanderer, type WandererServer } from "../harness/electrum/wanderer.ts";
import { ElectrumWallet } from "../harness/gateway/electrum-wallet.ts";
import { Handbook } from "../harness/hosts/handbook.ts";
import { Street, whyNoStreet } from "../harness/hosts/street.ts";
import { postOverUnix } from "../harness/hosts/unix-http.ts";
import { findNatsServer } from "../harness/nats-server.ts";
import { CoinOwner } from "../harness/node/coin-owner.ts";
import { waitFor } from "../harness/wait-for.ts";

const PAGE = fileURLToPath(new URL("../../docs/hosts.md", import.meta.url));
const ADDRESSES = { vault: "192.0.2.10", east: "198.51.100.11", west: "203.0.113.12" };
const CONFIG = "--config /etc/troupe/troupe.toml";
const RPC_PORT = 28_443;
/** Of no value, and in everybody's hands: Electrum's own kind of seed, and its first receiving address. */
const SEED = "wild father tree among universe such mobile favorite target dynamic credit identify";
const SEED_ADDRESS = "bcrt1q4794m2uuw9jmjszmplfj4wvvr5j272fpmfgxur";
const FIRST_BLOCKS = 120;
const REWARD_SAT = 5_000_000_000n;

const natsServer = findNatsServer();
const electrum = findProgram("electrum");
const reason =
  natsServer === undefined || !hasOpenssl() ? "nats-server or openssl is not installed" : whyNoStreet();
if (reason !== undefined) process.stderr.write(`tests on hosts of their own are skipped: ${reason}\n`);

/** Whose coins the first blocks make; those who get some of them. */
const miner = new CoinOwner("miner");
const owners = Array.from({ length: 6 }, (_, i) => new CoinOwner(`owner ${i}`));
const addressOf = (owner: CoinOwner) => owner.address("p2wpkh");
const scripthashes = [miner, ...owners].map((owner) => scriptHashOf(owner.scriptPubKey("p2wpkh")));

let world: World | undefined;
beforeEach(() => {
  world = undefined;
});
afterEach(() => world?.close());

class World {
  readonly street = new Street(ADDRESSES);
  readonly handbook: Handbook;
  readonly wanderers: Wanderer[] = [];
  wallet: ElectrumWallet | undefined;
  readonly #directory = mkdtempSync(join(tmpdir(), "trp-hosts-"));
  #spent = 0;

  constructor() {
    const gateway = {
      TROUPE_TROUPE__NETWORK: "regtest",
      // Not the time that a test may wait for.
      TROUPE_GATEWAY__ELECTRUM_PATIENCE_SECONDS: "5",
    };
    const vault = {
      TROUPE_TROUPE__NETWORK: "regtest",
      // In place of a bitcoind: a private chain, of which the test makes every block.
      TROUPE_PLACEMENT__NODE: "process",
      TROUPE_SANDBOX__BITCOIND: "none",
      TROUPE_SANDBOX__BLOCK_INTERVAL_MS: "3600000",
      TROUPE_SANDBOX__FIRST_BLOCKS: String(FIRST_BLOCKS),
      TROUPE_SANDBOX__MINE_TO: addressOf(miner),
    };
    this.handbook = new Handbook({
      page: PAGE,
      street: this.street,
      directory: this.#directory,
      environment: { vault, east: gateway, west: gateway },
    });
  }

  /** All that the page says, and sockets by which a test comes to the doors. */
  async begin(): Promise<void> {
    await this.handbook.follow();
    await this.street.forward([
      { path: this.socket("east"), host: ADDRESSES.east, port: 50_001 },
      { path: this.socket("west"), host: ADDRESSES.west, port: 50_001 },
      { path: this.socket("east-2"), host: ADDRESSES.east, port: 50_011 },
    ]);
    await this.street.forward([{ path: this.socket("node"), host: "127.0.0.1", port: RPC_PORT }], "vault");
  }

  socket(name: string): string {
    return join(this.#directory, `${name}.sock`);
  }

  server(name: string): WandererServer {
    return { name, target: { carrier: "unix", port: 0, path: this.socket(name) } };
  }

  wander(...names: string[]): Wanderer {
    const wanderer = new Wanderer(
      names.map((name) => this.server(name)),
      scripthashes,
    );
    this.wanderers.push(wanderer);
    wanderer.start();
    return wanderer;
  }

  async tree(host: string, config = CONFIG): Promise<Tree> {
    return JSON.parse(await this.handbook.type(host, `supervisor status --json ${config}`)) as Tree;
  }

  async node<T>(method: string, ...params: unknown[]): Promise<T> {
    const cookie = this.handbook.pathOn("vault", "/var/lib/troupe/actors/node/regtest/.cookie");
    const text = await postOverUnix({
      socketPath: this.socket("node"),
      auth: readFileSync(cookie, "utf8"),
      body: { id: 1, method, params },
      timeoutMs: 30_000,
    });
    const { result, error } = JSON.parse(text) as { result: T; error?: unknown };
    if (error) throw new Error(JSON.stringify(error));
    return result;
  }

  /** Blocks that pay one owner after the other, and after each a payment that no block has taken yet. */
  async happen(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      const owner = owners[this.#spent % owners.length] as CoinOwner;
      await this.node("generatetoaddress", 1, addressOf(owner));
      const ripe = await this.node<string>("getblockhash", ++this.#spent);
      const { tx } = await this.node<{ tx: string[] }>("getblock", ripe, 1);
      const coin = { txid: tx[0] as string, index: 0, amountSat: REWARD_SAT, kind: "p2wpkh" } as const;
      const payment = miner.spend([coin], [{ kind: "p2wpkh", amountSat: REWARD_SAT - 10_000n }]);
      await this.node("sendrawtransaction", payment.hex);
    }
  }

  /** Every wanderer knows the node's chain, block by block, and all know the same of every script. */
  async allInStep(what: string): Promise<void> {
    const tip = await this.node<string>("getbestblockhash");
    const isIn = ({ at, blocks }: Wanderer) => at !== undefined && blocks.at(-1) === tip;
    await waitFor(`every wallet to be in step ${what}`, () => this.wanderers.every(isIn));
    const height = await this.node<number>("getblockcount");
    const fresh = this.wanderers.map(({ at }) => at ?? "");
    for (const name of new Set(fresh)) {
      const stranger = new Wanderer([this.server(name)], scripthashes);
      stranger.start();
      const same = () =>
        stranger.at !== undefined &&
        this.wanderers.every((one) => JSON.stringify(one.statuses()) === JSON.stringify(stranger.statuses()));
      await waitFor(`every wallet to know what a new one hears at ${name} ${what}`, same);
      expect(stranger.blocks).toHaveLength(height + 1);
      for (const { blocks } of this.wanderers) expect(blocks).toEqual(stranger.blocks);
      await stranger.stop();
    }
  }

  async mineTo(address: string, blocks: number): Promise<void> {
    await this.node("generatetoaddress", blocks, address);
  }

  /** The Electrum wallet knows the tip, and has proved that many transactions of its own. */
  async walletInStep(transactions: number): Promise<void> {
    const height = await this.node<number>("getblockcount");
    let seen = "";
    const isIn = async () => {
      const wallet = this.wallet as ElectrumWallet;
      const info = await wallet.call<Record<string, unknown>>("getinfo");
      const history = await wallet.call<{ transactions: { height: number; confirmations: number }[] }>(
        "onchain_history",
      );
      const proved = history.transactions.filter((one) => one.confirmations === height - one.height + 1);
      seen = JSON.stringify({ ...info, proved: proved.length });
      return (
        info["blockchain_height"] === height &&
        info["server_height"] === height &&
        proved.length === transactions &&
        (await wallet.call<boolean>("is_synchronized"))
      );
    };
    // Electrum tries a server that was away again after 15 s, then after twice as long each time.
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        return await waitFor(`the wallet to be in step at ${height}`, isIn);
      } catch (error) {
        if (attempt === 2) throw new Error(`${(error as Error).message}: ${seen}`);
      }
    }
  }

  /** Of the server that the Electrum wallet looks to first. */
  async hostOfWallet(): Promise<string> {
    const { server } = await (this.wallet as ElectrumWallet).call<{ server: string }>("getinfo");
    return Object.entries(ADDRESSES).find(([, address]) => address === server)?.[0] ?? server;
  }

  async allAt(...names: string[]): Promise<void> {
    await waitFor(`all wallets to be at ${names}`, () =>
      this.wanderers.every(({ at }) => at !== undefined && names.includes(at)),
    );
  }

  async close(): Promise<void> {
    await this.wallet?.remove();
    await Promise.all(this.wanderers.map((wanderer) => wanderer.stop()));
    await this.handbook.close();
    await this.street.close();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

test.skipIf(reason !== undefined)(
  "wallets of a gateway whose host dies, is cut off or loses the bus go to the other one and miss nothing",
  { timeout: 600_000 },
  async () => {
    const here = new World();
    world = here;
    await here.begin();
    const { street, handbook } = here;
    for (const list of [
      ["east", "west"],
      ["east", "west"],
      ["west", "east"],
      ["east-2", "west", "east"],
    ])
      here.wander(...list);
    await here.allInStep("at first");
    await here.happen(3);
    await here.allInStep("after blocks");
    // On a busy machine a host may have been too slow for somebody since, and lost him to the other.
    expect(here.wanderers.map(({ visits }) => visits[0])).toEqual(["east", "east", "west", "east-2"]);
    const late = here.wander("east", "west");
    await waitFor("a wallet at the host that dies", () => late.at === "east");

    // The supervisor is killed, and with it all that it had started.
    process.kill((await here.tree("east")).pid, "SIGKILL");
    await here.happen(3);
    await here.allAt("west", "east-2");
    await here.happen(1);
    await here.allInStep("after a death");
    await handbook.type("east", `supervisor start --detach ${CONFIG}`);

    // The cable of the other is pulled, and nobody is told.
    street.cut("west");
    await here.happen(3);
    await here.allAt("east", "east-2");
    await here.happen(1);
    await here.allInStep("after a cut");
    street.mend("west");
    const back = here.wander("west");
    await here.allInStep("when the cut is mended");
    expect(back.visits.at(-1)).toBe("west");

    // Wallets still reach the gateway, and the gateway hears of nothing.
    street.loseWay("east", ADDRESSES.vault);
    street.loseWay("vault", ADDRESSES.east);
    await here.happen(2);
    await here.allAt("west");
    await here.allInStep("without the bus");
    street.findWay("east", ADDRESSES.vault);
    street.findWay("vault", ADDRESSES.east);
    here.wander("east");
    here.wander("east-2");
    await here.allInStep("with the bus again");

    expect(here.wanderers.flatMap(({ complaints }) => complaints)).toEqual([]);
  },
);

test.skipIf(reason !== undefined || electrum === undefined)(
  "the Electrum wallet, told of both, stays in step when the host of its server dies, and when the other is cut off",
  { timeout: 600_000 },
  async () => {
    const here = new World();
    world = here;
    await here.begin();
    const { street, handbook } = here;
    const wallet = await ElectrumWallet.start({
      program: electrum ?? "",
      secret: SEED,
      servers: [`${ADDRESSES.east}:50002:s`, `${ADDRESSES.west}:50002:s`],
      prefix: street.prefix(),
    });
    here.wallet = wallet;
    await here.mineTo(SEED_ADDRESS, 2);
    await here.walletInStep(2);
    const first = await here.hostOfWallet();
    const second = first === "east" ? "west" : "east";

    process.kill((await here.tree(first)).pid, "SIGKILL");
    await here.mineTo(SEED_ADDRESS, 3);
    await here.walletInStep(5);
    expect(await here.hostOfWallet()).toBe(second);

    await handbook.type(first, `supervisor start --detach ${CONFIG}`);
    street.cut(second);
    await here.mineTo(SEED_ADDRESS, 3);
    await here.walletInStep(8);
    expect(await here.hostOfWallet()).toBe(first);
  },
);
