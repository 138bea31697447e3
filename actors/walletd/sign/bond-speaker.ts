/** Speaks for the wallet's best fidelity bond: what it is worth, and the proof of it for one taker. */
import { hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import type { Bus, Client } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { certificateExpiry, certifyBond, proveBond } from "../../../joinmarket/bond/proof.ts";
import { bondValue } from "../../../joinmarket/bond/value.ts";
import type { MedianTime } from "../coins/median-time.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";

const HEADER_TIME_AT = 68;

export class BondSpeaker {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #medianTime: MedianTime;

  constructor(bus: Bus, medianTime: MedianTime) {
    this.#indexer = bus.client(indexerContract);
    this.#medianTime = medianTime;
  }

  /** By outpoint, of the confirmed bonds, frozen ones too. */
  async values(wallet: OpenWallet): Promise<ReadonlyMap<string, number>> {
    const { tip } = wallet.view;
    if (tip === undefined) return new Map();
    const nowS = await this.#medianTime.at(tip);
    const values = new Map<string, number>();
    for (const { outpoint, amountSat, height, standing } of bondCoins(wallet)) {
      const { hex } = await this.#indexer.headers({ height, count: 1 });
      if (hex === "") continue;
      const confirmedS = Buffer.from(hexToBytes(hex)).readUInt32LE(HEADER_TIME_AT);
      const coin = { valueSat: amountSat, confirmedS, locktime: standing.locktimeS ?? 0 };
      values.set(outpoint, bondValue(coin, nowS));
    }
    return values;
  }

  /** Null when the wallet has no bond that is worth anything. */
  async prove(wallet: OpenWallet, nicks: { maker: string; taker: string }): Promise<string | null> {
    const values = await this.values(wallet);
    const [best] = bondCoins(wallet).sort(
      (a, b) => (values.get(b.outpoint) ?? 0) - (values.get(a.outpoint) ?? 0),
    );
    if (best === undefined || (values.get(best.outpoint) ?? 0) === 0) return null;
    const { key, txid, index: vout, standing } = best;
    const privateKey = wallet.keys.privateKey(key.path);
    try {
      const { publicKey } = key;
      const claim = { txid: parseTxid(txid), vout, locktime: standing.locktimeS ?? 0, publicKey };
      // The bond's own key is its certificate's: it is hot anyway.
      const expiry = certificateExpiry(wallet.view.tip?.height ?? 0);
      return proveBond(claim, certifyBond(privateKey, publicKey, expiry), privateKey, nicks);
    } finally {
      privateKey.fill(0);
    }
  }
}

function bondCoins(wallet: OpenWallet): (StandingCoin & { readonly height: number })[] {
  return wallet
    .coins(0)
    .flatMap((coin) =>
      coin.standing.locktimeS === null || coin.height === null ? [] : [{ ...coin, height: coin.height }],
    );
}
