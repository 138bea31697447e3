/** The ledger on a bus beside the real wallet daemon, which follows a node's chain that the test makes: both can die and come again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ledgerWith } from "../../../actors/ledger/actor.ts";
import { type LedgerConfig, ledgerSection } from "../../../actors/ledger/config.ts";
import type { Actor } from "../../../bus/actor.ts";
import type { Client } from "../../../bus/bus.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { ledgerContract } from "../../../bus/contracts/ledger.ts";
import { silentLog } from "../../../bus/fake.ts";
import { contextWith } from "../actors/context.ts";
import { waitFor } from "../wait-for.ts";
import { stillWorld } from "../walletd/money-world.ts";
import { HastyClock, knownWallet, type Owned, WalletdUnderTest } from "../walletd/walletd-under-test.ts";
import { chance } from "./chance.ts";

export type LedgerClient = Client<typeof ledgerContract>;

const GRANT = {
  mixdepths: [0],
  amountSatMax: 1_000_000,
  miningFeeSatMax: 20_000,
  makerFeesSatMax: 0,
  daySatMax: 5_000_000,
};

export class LedgerUnderTest {
  readonly walletd: WalletdUnderTest;
  readonly directory = mkdtempSync(join(tmpdir(), "troupe-ledger-"));
  readonly clock: HastyClock;
  #config: Partial<LedgerConfig>;
  readonly #draw = chance();
  #actor: Actor | undefined;
  #bus: ConnectedBus | undefined;
  owned!: Owned;

  private constructor(walletd: WalletdUnderTest, clock: HastyClock, config: Partial<LedgerConfig>) {
    this.walletd = walletd;
    this.clock = clock;
    this.#config = config;
  }

  /** With a wallet `bank` that is unlocked and the ledger's, unless told otherwise. */
  static async start(config: Partial<LedgerConfig> = {}, isOpen = true): Promise<LedgerUnderTest> {
    const clock = new HastyClock();
    const money = stillWorld();
    const walletd = await WalletdUnderTest.start(money, { clock });
    const under = new LedgerUnderTest(walletd, clock, config);
    money.node.mine(130);
    await money.follow();
    under.owned = await walletd.recovered("bank", knownWallet(7).words);
    money.own(scriptHashesOf(7));
    await under.startActor();
    if (isOpen) await under.open();
    return under;
  }

  get gateway(): LedgerClient {
    return this.walletd.busOf("gateway").client(ledgerContract);
  }

  get operator(): LedgerClient {
    return this.walletd.busOf("operator").client(ledgerContract);
  }

  async open(limits: Partial<typeof GRANT> = {}): Promise<void> {
    const { grant, id } = await this.walletd
      .as("operator")
      .grant({ ...this.owned, caller: "ledger", limits: { ...GRANT, ...limits }, ttlS: 30 * 86_400 });
    await this.operator.open({ wallet: "bank", grant, grantId: id });
  }

  /** From its next start on. */
  configure(more: Partial<LedgerConfig>): void {
    this.#config = { ...this.#config, ...more };
  }

  async startActor(): Promise<void> {
    this.#bus = new ConnectedBus(await this.walletd.connect("ledger"), {
      log: silentLog(),
      validateReplies: true,
    });
    this.#actor = ledgerWith({
      randomBytes: (length) => Uint8Array.from({ length }, () => this.#draw(256)),
      randomBelow: (end) => this.#draw(end),
    }).create(
      contextWith({
        name: "ledger",
        config: {
          ...ledgerSection.schema.parse({}),
          registration: "open",
          confirmations: 2,
          ...this.#config,
        },
        bus: this.#bus,
        dataDirectory: this.directory,
        clock: this.clock,
      }),
    );
    await this.#actor.start();
  }

  async stopActor(): Promise<void> {
    await this.#actor?.stop();
    await this.#bus?.close();
    this.#actor = undefined;
  }

  /** One that has an account and so much in it. */
  async person(name: string, sat = 0): Promise<string> {
    const jid = `${name}@example.test`;
    await this.gateway.register({ jid, username: name });
    if (sat > 0) await this.fund(jid, sat);
    return jid;
  }

  async fund(jid: string, sat: number): Promise<void> {
    const { address } = await this.gateway.receive({ jid });
    const before = (await this.gateway.balance({ jid })).availableSat;
    await this.pay(address, sat);
    await this.mine(1);
    await waitFor(`${sat} sat to be credited`, async () => {
      return (await this.gateway.balance({ jid })).availableSat === before + sat;
    });
  }

  async pay(address: string, sat: number): Promise<string> {
    const { scriptOfAddress } = await import("../../../bitcoin/script/address.ts");
    const { regtest } = await import("../../../bitcoin/network.ts");
    return await this.walletd.money.pay({ script: scriptOfAddress(address, regtest), amountSat: sat });
  }

  async mine(blocks: number): Promise<void> {
    await this.walletd.money.mine(blocks);
    await this.walletd.level(this.owned);
  }

  /** The ledger has seen the wallet as it is, and nothing is wrong. */
  async sound(): Promise<void> {
    const found = await this.operator.reconcile({});
    if (!found.isSound) throw new Error(found.breaches.join("; "));
  }

  async stop(): Promise<void> {
    await this.stopActor();
    await this.walletd.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function scriptHashesOf(filler: number): string[] {
  const { keys } = knownWallet(filler);
  return [0, 1].flatMap((chain) =>
    Array.from({ length: 40 }, (_, index) => keys.key({ mixdepth: 0, chain, index }).scriptHash),
  );
}
