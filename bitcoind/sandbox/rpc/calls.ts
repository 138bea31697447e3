/** What the sandbox's RPC methods share: the parts of the node, and the form of a method table. */
import type { Network } from "../../../bitcoin/network.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { Chain } from "../chain/chain.ts";
import type { Mempool } from "../mempool.ts";
import type { Arguments } from "./arguments.ts";

/** The parts of a running sandbox that methods work on. */
export interface SandboxParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly clock: Clock;
  readonly network: Network;
  /** Where the node's news are published over ZMQ. */
  readonly zmqUrl: string;
  /** Ends the node soon, after the answer is out. */
  readonly requestStop: () => void;
}

export interface Call {
  /** The parameters' names, in order. */
  readonly parameters: readonly string[];
  run(parts: SandboxParts, given: Arguments): unknown;
}

export type CallTable = Readonly<Record<string, Call>>;

export function call(parameters: string, run: (parts: SandboxParts, given: Arguments) => unknown): Call {
  return { parameters: parameters === "" ? [] : parameters.split(" "), run };
}
