/** The methods about fees and the mempool as a whole. */
import { coinsNumberFromSat } from "../../../../bitcoin/fee.ts";
import { clientFailure, isPassing } from "../asking/failure.ts";
import { type FeeMode, feeTargetBucket, type RelayFees } from "../chain/fees.ts";
import { type Method, method, optional, required } from "../method.ts";
import { badRequest } from "../protocol-error.ts";
import { shown, wholeNumber } from "./arguments.ts";
import type { ChainParts } from "./chain-parts.ts";

/** What clients read as "no estimate". */
const NO_ESTIMATE = -1;
/** What a node asks for unless it is told otherwise: while ours cannot be asked. */
const USUAL_FEES: RelayFees = Object.freeze({
  relaySatPerKvb: 1_000,
  mempoolSatPerKvb: 1_000,
  incrementalSatPerKvb: 1_000,
});
const MODES: Readonly<Record<string, FeeMode>> = Object.freeze({
  CONSERVATIVE: "conservative",
  ECONOMICAL: "economical",
});

export function feeMethods({ fees, log }: ChainParts): readonly Method[] {
  const failed = (error: unknown): never => {
    throw clientFailure(error, "the mempool", log);
  };
  /** Wallets can do without; an error that says "busy" would make them leave. */
  const orNothing =
    <N>(nothing: N) =>
    (error: unknown): N => {
      if (isPassing(error)) return nothing;
      return failed(error);
    };
  const estimate = async (blocks: number, mode: FeeMode): Promise<number> => {
    const satPerKvb = await fees.estimate(feeTargetBucket(blocks), mode).catch(orNothing(null));
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
      handle: async () => coins((await fees.relay().catch(orNothing(USUAL_FEES))).relaySatPerKvb),
    }),
    method({
      name: "mempool.get_info",
      since: "1.6",
      params: [],
      cost: 1,
      handle: async () => {
        const relay = await fees.relay().catch(orNothing(USUAL_FEES));
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
      handle: () => fees.histogram().catch(orNothing([])),
    }),
  ];
}

/** Anything but a text is no mode, as peers have it. */
function feeMode(given: unknown): FeeMode {
  if (typeof given !== "string") return "default";
  const mode = MODES[given.toUpperCase()];
  if (mode === undefined) throw badRequest(`unknown estimatefee mode: ${shown(given.toUpperCase())}`);
  return mode;
}

function coins(satPerKvb: number): number {
  return coinsNumberFromSat(BigInt(satPerKvb));
}
