/** One script with as long a history as wanted, on a real node: a transaction for each entry, many in a block. */
import { bytesToHex } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { type CrowdCoin, crowdScript, crowdTx } from "../mempool/crowd.ts";
import { type CallMany, mineCoins } from "../mempool/fill.ts";

const OWNER = 5_000_000;
const FEE_SAT = 300n;
/** About a million vB: they fit into one block. */
const BLOCK_TXS = 8_000;
/** Of what one chain's rewards give before the first halving. */
const COINS_MAX = 100_000;

export class LongScript {
  readonly scripthash: string = scriptHashOf(crowdScript(OWNER));
  /** Scripts with a transaction or two each. */
  readonly small: string[] = [];
  #coins: CrowdCoin[] = [];

  /** So many transactions that pay the script; beyond those that new coins allow they spend from it too. */
  async fill(call: CallMany, entries: number): Promise<void> {
    const coins = await mineCoins(call, Math.min(entries, COINS_MAX));
    for (const { owner } of coins.slice(0, 1_000)) this.small.push(scriptHashOf(crowdScript(owner)));
    this.#coins = coins.slice(0, Math.min(entries, COINS_MAX));
    for (let made = 0; made < entries; ) {
      const count = Math.min(BLOCK_TXS, entries - made);
      await this.addBlock(call, count);
      made += count;
    }
  }

  /** A block with so many more of its transactions. */
  async addBlock(call: CallMany, count: number): Promise<void> {
    const txs = this.#coins
      .splice(0, count)
      .map((coin) => crowdTx([coin], [{ owner: OWNER, amountSat: coin.amountSat - FEE_SAT }]));
    for (const { coins } of txs) this.#coins.push(...coins);
    const raw = txs.map(({ rawTx }) => bytesToHex(rawTx));
    const address = addressOfScript(crowdScript(0), regtest);
    const [{ error } = {}] = await call([{ method: "generateblock", params: [address, raw] }]);
    if (error) throw new Error(`generateblock: ${error.message}`);
  }
}
