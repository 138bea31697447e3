/** What the methods work with: the chain and the mempool as the door sees them. */

import type { Network } from "../../../../bitcoin/network.ts";
import type { Client } from "../../../../bus/bus.ts";
import type { mempoolContract } from "../../../../bus/contracts/mempool.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { ChainFeed } from "../chain/chain-feed.ts";
import type { Fees } from "../chain/fees.ts";
import type { Headers } from "../chain/headers.ts";
import type { ScriptAnswers } from "../chain/script-answers.ts";
import type { Transactions } from "../chain/transactions.ts";

export interface ChainParts {
  readonly network: Network;
  readonly log: Log;
  readonly feed: ChainFeed;
  readonly headers: Headers;
  readonly scripts: ScriptAnswers;
  readonly transactions: Transactions;
  readonly fees: Fees;
  readonly mempool: Client<typeof mempoolContract>;
}
