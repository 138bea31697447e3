/** The methods about single outputs, as the draft of 1.7 has them: here in every version, because wallets of channels need them. */
import { clientFailure } from "../asking/failure.ts";
import type { OutpointAnswers } from "../chain/outpoint-answers.ts";
import { type Method, method, optional, required } from "../method.ts";
import { badRequest } from "../protocol-error.ts";
import type { OutpointNotifier } from "../subscriptions/outpoint-notifier.ts";
import { hex, shown, transactionHash, wholeNumber } from "./arguments.ts";
import type { ChainParts } from "./chain-parts.ts";

const INDEX_MAX = 0xffff_ffff;
const OUTPOINT = [required("tx_hash", transactionHash), required("txout_idx", outputIndex)] as const;
/** Of use to servers that find outputs by their script; we check it and find them without. */
const WITH_HINT = [...OUTPOINT, optional("spk_hint", hex, "")] as const;

export function outpointMethods(
  { log }: ChainParts,
  answers: OutpointAnswers,
  notifier: OutpointNotifier,
): readonly Method[] {
  const failed = (error: unknown): never => {
    throw clientFailure(error, "the index", log);
  };
  return [
    method({
      name: "blockchain.outpoint.subscribe",
      params: WITH_HINT,
      cost: 1,
      handle: ([txid, index], session) => notifier.subscribe(session, { txid, index }).catch(failed),
    }),
    method({
      name: "blockchain.outpoint.get_status",
      params: WITH_HINT,
      cost: 1,
      handle: ([txid, index]) => answers.status({ txid, index }).catch(failed),
    }),
    method({
      name: "blockchain.outpoint.unsubscribe",
      params: OUTPOINT,
      cost: 0.1,
      handle: ([txid, index], session) => notifier.unsubscribe(session, { txid, index }),
    }),
  ];
}

function outputIndex(given: unknown): number {
  const index = wholeNumber(given);
  if (index > INDEX_MAX) throw badRequest(`${shown(given)} is not an output's index`);
  return index;
}
