/** What the handlers of the API lean on. */
import type { Network } from "../../../../../bitcoin/network.ts";
import type { Client } from "../../../../../bus/bus.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import type { Clock } from "../../../../../runtime/clock.ts";
import type { Mixing } from "../coinjoin/mixing.ts";
import type { Diary } from "../jam/diary.ts";
import type { Login } from "../wallet/login.ts";

export interface RouteParts {
  readonly walletd: Client<typeof walletdContract>;
  readonly login: Login;
  readonly mixing: Mixing;
  /** With fewer makers no coinjoin is made, unless the wallet's settings say so. */
  readonly makersMin: number;
  readonly network: Network;
  readonly clock: Clock;
  readonly diary: Diary;
  /** The program's. */
  readonly version: string;
}
