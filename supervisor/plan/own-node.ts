/** The sandbox's own node as the other actors find it: one address for the whole life of the supervisor. */
import { sandboxSection } from "../../actors/node/config.ts";
import { type NodeConfig, nodeSection } from "../../bitcoind/config.ts";
import type { Config } from "../../runtime/config/config.ts";
import { freePort } from "../../runtime/free-port.ts";
import type { Placement } from "../spec.ts";

/** For the questions of `config init`, which know the supervisor only. */
export { usualNodeAddress } from "../../bitcoind/config.ts";

export interface OwnNode {
  readonly port: number;
  /** Like a node's `-datadir`. */
  readonly dataDirectory: string;
}

/** Where our own node shall answer, when it runs here. A port that the configuration leaves open is chosen once, so that it outlives the node's restarts. */
export async function ownNodeOf(
  config: Config,
  placement: Placement | undefined,
  dataDirectory: string,
): Promise<OwnNode | undefined> {
  if (placement === undefined || placement === "off" || placement === "elsewhere") return undefined;
  const wanted = config.get(sandboxSection).rpc_port;
  return { port: wanted === 0 ? await freePort() : wanted, dataDirectory };
}

/** The section `[node]` for an actor that asks a node: our own, or what the configuration says. */
export function nodeConfigFor(config: Config, ownNode: OwnNode | undefined): NodeConfig {
  if (ownNode === undefined) return config.get(nodeSection);
  return nodeSection.schema.parse({
    rpc: [`http://127.0.0.1:${ownNode.port}`],
    data_directory: ownNode.dataDirectory,
  });
}
