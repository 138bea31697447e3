/** What a maker promises a taker: coins and addresses that walletd sets aside, of the mixdepth that suits best. */
import { parseTxid } from "../../../bitcoin/bytes.ts";
import type { Client } from "../../../bus/bus.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { offerFeeSat } from "../../../joinmarket/coinjoin/offer-fee.ts";
import { MAKER_CHANGE_SAT_MIN } from "../../../joinmarket/coinjoin/shape.ts";
import { writeMakerInputs } from "../../../joinmarket/messages/inputs.ts";
import type { Offer } from "../../../joinmarket/offer/offer.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { MakerConfig } from "../config.ts";
import { rankMixdepths } from "../offers/choose-mixdepth.ts";

export type Walletd = Client<typeof walletdContract>;

export interface PromiseWish {
  readonly grant: string;
  readonly offer: Offer;
  readonly amountSat: number;
  readonly encryptionKey: string;
  readonly ttlS: number;
  readonly choice: MakerConfig["mixdepth_choice"];
}

export interface MakerPromised {
  readonly reservation: string;
  /** What goes into `!ioauth`, unsealed. */
  readonly plainText: string;
  readonly outpoints: readonly { readonly txid: string; readonly index: number }[];
  readonly inputSat: number;
  readonly coinjoinFeeSat: number;
  readonly txfeeSat: number;
}

/** Nothing when no mixdepth can serve. */
export async function promiseCoins(walletd: Walletd, wish: PromiseWish): Promise<MakerPromised | undefined> {
  const { grant, offer, amountSat, encryptionKey, ttlS, choice } = wish;
  const coinjoinFeeSat = offerFeeSat(offer.fee, amountSat);
  const { txfeeSat } = offer;
  // One more than the change that others ask for, as joinmarket-clientserver's makers keep.
  const changeSatMin = MAKER_CHANGE_SAT_MIN + 1;
  const neededSat = Math.max(amountSat, amountSat + txfeeSat - coinjoinFeeSat + changeSatMin);
  const { mixdepths } = await walletd.funds({ grant });
  for (const mixdepth of rankMixdepths(mixdepths, neededSat, choice)) {
    try {
      const reserved = await walletd.reserveAsMaker({
        grant,
        mixdepth,
        amountSat,
        coinjoinFeeSat,
        txfeeSat,
        changeSatMin,
        encryptionKey,
        ttlS,
      });
      return promised(reserved, { coinjoinFeeSat, txfeeSat });
    } catch (error) {
      // Another taker was quicker, or a rule of the wallet keeps its coins apart: the next mixdepth may serve.
      if (!hasCode(error, "WALLETD_FUNDS")) throw error;
    }
  }
  return undefined;
}

function promised(
  reserved: Awaited<ReturnType<Walletd["reserveAsMaker"]>>,
  fees: Pick<MakerPromised, "coinjoinFeeSat" | "txfeeSat">,
): MakerPromised {
  const { reservation, coins, coinjoinAddress, changeAddress, auth } = reserved;
  // walletd vouches for every encryption key that it is given.
  if (auth === null) throw new TypeError("walletd vouched for no key");
  const plainText = writeMakerInputs({
    coins: coins.map(({ txid, index }) => ({ txid: parseTxid(txid), vout: index })),
    publicKey: auth.publicKey,
    coinjoinAddress,
    changeAddress,
    signature: auth.signature,
  });
  return {
    ...fees,
    reservation,
    plainText,
    outpoints: coins.map(({ txid, index }) => ({ txid, index })),
    inputSat: coins.reduce((sum, { amountSat }) => sum + amountSat, 0),
  };
}
