/** The methods about scripts: histories, coins, balances, and subscriptions to their status. */
import { whenKnown } from "../asking/at-hand.ts";
import { clientFailure } from "../asking/failure.ts";
import type { History } from "../chain/history.ts";
import type { Balance } from "../chain/script-answers.ts";
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
  const charged = (history: History, session: Session): History => {
    session.charge(history.length / ENTRIES_PER_COST);
    return history;
  };
  return [
    method({
      name: "blockchain.scripthash.get_history",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 0.45,
      handle: ([hash], session) =>
        whenKnown(
          scripts.history(hash, session),
          (history) => encodedFor(session, charged(history, session)),
          failed,
        ),
    }),
    method({
      name: "blockchain.scripthash.get_mempool",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 0.25,
      handle: ([hash], session) =>
        whenKnown(
          scripts.history(hash, session),
          (history) => {
            session.charge(charged(history, session).unconfirmed.length / ITEMS_PER_COST);
            return history.encodedUnconfirmed();
          },
          failed,
        ),
    }),
    method({
      name: "blockchain.scripthash.get_balance",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 1,
      handle: ([hash], session) => whenKnown(scripts.balance(hash, session), encodeBalance, failed),
    }),
    method({
      name: "blockchain.scripthash.listunspent",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 1,
      handle: ([hash], session) =>
        whenKnown(
          scripts.coins(hash, session),
          (coins) => {
            session.charge(coins.length / ITEMS_PER_COST);
            return coins.encoded();
          },
          failed,
        ),
    }),
    method({
      name: "blockchain.scripthash.subscribe",
      before: BEFORE,
      params: SCRIPTHASH,
      cost: 0.2,
      handle: ([hash], session) => whenKnown(notifier.subscribeScript(session, hash), identity, failed),
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

function identity<T>(value: T): T {
  return value;
}

function encodedFor(session: Session, history: History): EncodedJson | Promise<EncodedJson> {
  // The door would refuse it: do not write it in vain, and say it in the words that wallets know.
  if (history.length * ENTRY_BYTES_MIN > session.responseBytesMax) {
    const data = { bytesMax: session.responseBytesMax, setting: "electrum_response_bytes_max" };
    throw new ProtocolError(PROTOCOL_CODES.historyTooLarge, "history too large", { data });
  }
  return history.encoded();
}

function encodeBalance({ confirmedSat, unconfirmedSat }: Balance): EncodedJson {
  return new EncodedJson(`{"confirmed":${confirmedSat},"unconfirmed":${unconfirmedSat}}`);
}
