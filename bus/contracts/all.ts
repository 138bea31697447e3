/** Every contract of this release: permissions and the documentation of the bus are made from this list. */
import type { Contract } from "../contract/contract.ts";
import { directoryContract } from "./directory.ts";
import { gatewayContract } from "./gateway.ts";
import { indexerContract } from "./indexer.ts";
import { ledgerContract } from "./ledger.ts";
import { makerContract } from "./maker.ts";
import { mempoolContract } from "./mempool.ts";
import { nodeContract } from "./node.ts";
import { supervisorContract } from "./supervisor.ts";
import { takerContract } from "./taker.ts";
import { walletdContract } from "./walletd.ts";

export const allContracts: readonly Contract[] = Object.freeze([
  supervisorContract,
  gatewayContract,
  nodeContract,
  indexerContract,
  mempoolContract,
  walletdContract,
  ledgerContract,
  directoryContract,
  makerContract,
  takerContract,
]);
