/** What every coinjoin of this taker works with. */
import type { Network } from "../../../bitcoin/network.ts";
import type { Client } from "../../../bus/bus.ts";
import type { ForeignCoins } from "../../../bus/chain/foreign-coins.ts";
import type { indexerContract } from "../../../bus/contracts/indexer.ts";
import type { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import type { RandomBelow } from "../../../joinmarket/coinjoin/shape.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { Picker } from "../agreement/pick.ts";
import type { Feerate } from "../chain/feerate.ts";
import type { Sightings } from "../chain/sightings.ts";
import type { TakerConfig } from "../config.ts";
import type { BondJudge } from "../market/bond-judge.ts";
import type { Gathering } from "../market/gathering.ts";
import type { TakerMetrics } from "../metrics.ts";
import type { RecordFolder } from "../record-folder.ts";
import type { RunRecord } from "./record.ts";

export interface CoinjoinParts {
  readonly config: TakerConfig;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: TakerMetrics;
  readonly walletd: Client<typeof walletdContract>;
  readonly mempool: Client<typeof mempoolContract>;
  readonly indexer: Client<typeof indexerContract>;
  readonly folder: RecordFolder<RunRecord>;
  readonly coins: ForeignCoins;
  readonly feerate: Feerate;
  readonly bonds: BondJudge;
  readonly sightings: Sightings;
  readonly picker: Picker;
  /** From the system's source, also where only luck depends on it: whoever can guess it picks our makers. */
  readonly randomBelow: RandomBelow;
  readonly randomBytes: (lengthBytes: number) => Uint8Array;
  /** A stay on the market under a new nick. */
  openGathering(): Gathering;
  onPhase(record: RunRecord): void;
}
