/** The methods about fees and the mempool as a whole. */
import { coinsNumberFromSat } from "../../../../bitcoin/fee.ts";
import { clientFailure } from "../chain/failure.ts";
import { type FeeMode, feeTargetBucket } from "../chain/fees.ts";
import { type Method, method, optional, required } from "../method.ts";
import { badRequest } from "../protocol-error.ts";
import { shown, wholeNumber } from "./arguments.ts";
import type { ChainParts } from "./chain-parts.ts";

/** What clients read as "no estimate". */
const NO_ESTIMATE = -1;
const MODES: Readonly<Record<string, FeeMode>> = Object.freeze({
  CONSERVATIVE: "conservative",
  ECONOMICAL: "economical",
});

export function feeMethods({ fees, log }: ChainParts): readonly Method[] {
  const failed = (error: unknown): never => {
    throw clientFailure(error, "the mempool", log);
  };
  const estimate = async (blocks: number, mode: FeeMode): Promise<number> => {
    const satPerKvb = await fees.estimate(feeTargetBucket(blocks), mode).catch(failed);
    return satPerKvb === null ? NO_ESTIMATE : coins(satPerKvb);
  };
  return [
    method({
      name: "blockchain.estimatefee",
      before: "1.6",
      params: [required("number", wholeNumber)],
      cost: 0.1,
      handle: ([blocks]) => estimate(blocks, "default"),
    }),
    method({
      name: "blockchain.estimatefee",
      since: "1.6",
      params: [required("number", wholeNumber), optional("mode", feeMode, "default")],
      cost: 0.1,
      handle: ([blocks, mode]) => estimate(blocks, mode),
    }),
    method({
      name: "blockchain.relayfee",
      before: "1.6",
      params: [],
      cost: 1,
      handle: async () => coins((await fees.relay().catch(failed)).relaySatPerKvb),
    }),
    method({
      name: "mempool.get_info",
      since: "1.6",
      params: [],
      cost: 1,
      handle: async () => {
        const relay = await fees.relay().catch(failed);
        return {
          mempoolminfee: coins(relay.mempoolSatPerKvb),
          minrelaytxfee: coins(relay.relaySatPerKvb),
          incrementalrelayfee: coins(relay.incrementalSatPerKvb),
        };
      },
    }),
    method({
      name: "mempool.get_fee_histogram",
      params: [],
      cost: 1,
      handle: () => fees.histogram().catch(failed),
    }),
  ];
}

/** Anything but a text is no mode, as peers have it. */
function feeMode(given: unknown): FeeMode {
  if (typeof given !== "string") return "default";
  const mode = MODES[given.toUpperCase()];
  if (mode === undefined) throw badRequest(`unknown estimatefee mode: ${shown(given)}`);
  return mode;
}

function coins(satPerKvb: number): number {
  return coinsNumberFromSat(BigInt(satPerKvb));
}
