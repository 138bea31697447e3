/** The methods about scripts: histories, coins, balances, and subscriptions to their status. */
import { clientFailure } from "../asking/failure.ts";
import type { History } from "../chain/history.ts";
import type { Coin } from "../chain/script-answers.ts";
import { EncodedJson } from "../encoded-json.ts";
import { type Method, method, required } from "../method.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { Session } from "../session.ts";
import type { Notifier } from "../subscriptions/notifier.ts";
import { scripthash } from "./arguments.ts";
import type { ChainParts } from "./chain-parts.ts";

const SCRIPTHASH = [required("scripthash", scripthash)] as const;
/** The draft after it asks by script instead. */
const BEFORE = "1.7";
const ENTRIES_PER_COST = 1_000;
const ITEMS_PER_COST = 50;
/** One entry in an answer: a hash, a height, and what stands around them. */
const ENTRY_BYTES_MIN = 90;

export function scriptMethods({ scripts, log }: ChainParts, notifier: Notifier): readonly Method[] {
  const failed = (error: unknown): never => {
    throw clientFailure(error, "the index", log);
  };
  const historyOf = async (hash: string, session: Session): Promise<History> => {
    const history = await Promise.resolve(scripts.history(hash)).catch(failed);
    session.charge(history.length / ENTRIES_PER_COST);
    return history;
  };
  return [
    method({
      name: "blockchain.scripthash.get_history",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 0.45,
      handle: async ([hash], session) => {
        const history = await historyOf(hash, session);
        // The door would refuse it: do not write it in vain, and say it in the words that wallets know.
        if (history.length * ENTRY_BYTES_MIN > session.responseBytesMax) {
          throw new ProtocolError(PROTOCOL_CODES.historyTooLarge, "history too large");
        }
        return history.encoded();
      },
    }),
    method({
      name: "blockchain.scripthash.get_mempool",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 0.25,
      handle: async ([hash], session) => {
        const history = await historyOf(hash, session);
        session.charge(history.unconfirmed.length / ITEMS_PER_COST);
        return history.encodedUnconfirmed();
      },
    }),
    method({
      name: "blockchain.scripthash.get_balance",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 1,
      handle: async ([hash]) => {
        const balance = await Promise.resolve(scripts.balance(hash)).catch(failed);
        return { confirmed: balance.confirmedSat, unconfirmed: balance.unconfirmedSat };
      },
    }),
    method({
      name: "blockchain.scripthash.listunspent",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 1,
      handle: async ([hash], session) => {
        const coins = await Promise.resolve(scripts.coins(hash)).catch(failed);
        session.charge(coins.length / ITEMS_PER_COST);
        return encodeCoins(coins);
      },
    }),
    method({
      name: "blockchain.scripthash.subscribe",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 0.2,
      handle: ([hash], session) => notifier.subscribeScript(session, hash).catch(failed),
    }),
    method({
      name: "blockchain.scripthash.unsubscribe",
      since: "1.4.2",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 0.1,
      handle: ([hash], session) => notifier.unsubscribeScript(session, hash),
    }),
  ];
}

function encodeCoins(coins: readonly Coin[]): EncodedJson {
  const items = coins.map(
    ({ txid, index, height, amountSat }) =>
      `{"tx_hash":"${txid}","tx_pos":${index},"height":${height},"value":${amountSat}}`,
  );
  return new EncodedJson(`[${items.join(",")}]`);
}
