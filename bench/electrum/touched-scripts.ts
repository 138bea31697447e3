/** Scripts that clients have subscribed to, and the transactions and blocks of a real node that touch them. */
import { bytesToHex } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { parseSequence } from "../../bitcoind/sequence.ts";
import { ZmqSubscriber } from "../../bitcoind/zmq.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { RealNode } from "../../tests/harness/node/bitcoind.ts";
import { type CrowdCoin, type CrowdTx, crowdScript, crowdTx } from "../mempool/crowd.ts";
import { type CallMany, mineCoins, send } from "../mempool/fill.ts";
import { machineMs } from "../sessions/machine-clock.ts";

/** Owners of the crowd whose scripts are subscribed to, and of the others that the same transactions pay. */
const FIRST_OWNER = 2_000_000;
const FIRST_OTHER = 3_000_000;
const FEE_SAT = 400n;

export class TouchedScripts {
  readonly count: number;
  #coins: CrowdCoin[] = [];
  #zmq: ZmqSubscriber | undefined;
  #others = 0;
  #onBlock: (() => void) | undefined;
  readonly #onTransaction = new Map<string, () => void>();

  constructor(count: number) {
    this.count = count;
  }

  hashOf(i: number): string {
    return scriptHashOf(crowdScript(FIRST_OWNER + i));
  }

  /**
   * Coins for so many blocks that touch all of the scripts, and for single transactions. Every other script is paid once before
   * anybody subscribes to it: of what a block touches about a half is spent from.
   */
  async mineCoins(call: CallMany, blocks: number, singles: number): Promise<void> {
    const used = Math.ceil(this.count / 2);
    this.#coins = await mineCoins(call, blocks * this.count + singles + used);
    await send(
      call,
      Array.from({ length: used }, (_, i) => this.#transaction(2 * i)),
    );
    await call([{ method: "generatetoaddress", params: [1, rewardAddress()] }]);
  }

  /** From here on it is known when the node announces something. */
  async listen(node: RealNode): Promise<void> {
    const zmq = new ZmqSubscriber({
      url: node.zmqUrl,
      topics: ["sequence"],
      clock: systemClock,
      log: silentLog(),
      onMessage: (_, body) => {
        const event = parseSequence(body);
        if (event?.kind === "connected") this.#onBlock?.();
        else if (event?.kind === "added") this.#onTransaction.get(event.txid)?.();
      },
      onGap: () => undefined,
    });
    this.#zmq = zmq;
    while (!zmq.isConnected) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  close(): void {
    this.#zmq?.close();
  }

  /** One transaction for each script, unconfirmed. */
  async send(call: CallMany): Promise<void> {
    await send(call, this.#transactions());
  }

  /** A block of what is unconfirmed. Resolves with the moment at which the node announced it. */
  mine(node: RealNode): Promise<number> {
    return this.#announced(() => node.rpc("generatetoaddress", 1, rewardAddress()));
  }

  /** A block of transactions that nobody has seen before, one for each script. */
  mineUnseen(node: RealNode): Promise<number> {
    const raw = [...this.#transactions()].map(({ rawTx }) => bytesToHex(rawTx));
    return this.#announced(() => node.rpc("generateblock", rewardAddress(), raw));
  }

  async sendOne(node: RealNode): Promise<{ scripthash: string; sentMs: number; announcedMs: number }> {
    const { txid, rawTx } = this.#transaction(0);
    let announcedMs = Number.NaN;
    const announced = new Promise<void>((resolve) => {
      this.#onTransaction.set(txid, () => {
        announcedMs = machineMs();
        resolve();
      });
    });
    const sentMs = machineMs();
    await Promise.all([node.rpc("sendrawtransaction", bytesToHex(rawTx)), announced]);
    this.#onTransaction.delete(txid);
    return { scripthash: this.hashOf(0), sentMs, announcedMs };
  }

  async #announced(mine: () => Promise<unknown>): Promise<number> {
    let announcedMs = Number.NaN;
    const announced = new Promise<void>((resolve) => {
      this.#onBlock = () => {
        announcedMs = machineMs();
        resolve();
      };
    });
    await Promise.all([mine(), announced]);
    return announcedMs;
  }

  *#transactions(): Generator<CrowdTx> {
    for (let i = 0; i < this.count; i++) yield this.#transaction(i);
  }

  #transaction(i: number): CrowdTx {
    const coin = this.#coins.pop();
    if (coin === undefined) throw new Error("too few coins were mined");
    const halfSat = (coin.amountSat - FEE_SAT) / 2n;
    return crowdTx(
      [coin],
      [
        { owner: FIRST_OWNER + i, amountSat: halfSat },
        { owner: FIRST_OTHER + this.#others++, amountSat: halfSat },
      ],
    );
  }
}

function rewardAddress(): string {
  return addressOfScript(crowdScript(0), regtest) as string;
}
