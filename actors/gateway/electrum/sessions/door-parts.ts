/** What all sessions of the door share. */
import type { Clock } from "../../../../runtime/clock.ts";
import type { ByteBudget } from "../carrier/byte-budget.ts";
import type { ElectrumConfig } from "../config.ts";
import type { ElectrumProtocol, MethodTable } from "../method.ts";
import type { VersionRange } from "../protocol-version.ts";
import type { Session } from "../session.ts";
import type { CostLimits } from "./cost.ts";
import type { Admission } from "./origins/admission.ts";
import type { CostGroups } from "./origins/cost-groups.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Tally } from "./tally.ts";

export interface DoorParts {
  readonly config: ElectrumConfig;
  readonly costs: CostLimits;
  readonly costGroups: CostGroups;
  readonly admission: Admission;
  readonly scheduler: Scheduler;
  readonly budget: ByteBudget;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly table: MethodTable;
  readonly protocol: ElectrumProtocol;
  readonly greeting: {
    readonly software: string;
    readonly range: VersionRange;
    isRefused(clientName: string): boolean;
  };
  isTrusted(address: string): boolean;
  /** More waits in memory than may: those that hold most have to go. */
  relieve(): void;
  /** A method failed as nobody had foreseen. */
  unforeseen(method: string, thrown: unknown): void;
  closed(session: Session): void;
}
