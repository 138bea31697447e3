/** Whether it is known which Bitcoin node is to be asked: by the configuration, or because one keeps its data in the usual place. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { NETWORK_DIRECTORIES, nodeSection } from "../../bitcoind/config.ts";
import { expandHome } from "../../runtime/config/path.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { PlacedActor, Settings } from "./settings.ts";

/** The actors that run here and ask a node. */
export function nodeAskers({ actors }: Settings): readonly PlacedActor[] {
  return actors.filter(
    ({ asksNode, placement, isSwapped }) =>
      asksNode === true && !isSwapped && placement !== "off" && placement !== "elsewhere",
  );
}

/** Our own node runs here, or the configuration says something of another. */
export function isNodeNamed({ config, actors }: Settings): boolean {
  const own = actors.find(({ id }) => id === "node");
  if (own !== undefined && own.placement !== "off") return true;
  return Object.keys(nodeSection.schema.shape).some((key) => config.sourceOf(nodeSection, key) !== "default");
}

/** Throws, with what to do, where actors need a node and there is no trace of one. One that is only away is waited for. */
export function checkNodeNamed(settings: Settings): void {
  const askers = nodeAskers(settings).map(({ id }) => id);
  if (askers.length === 0 || isNodeNamed(settings)) return;
  const { config, network } = settings;
  const directory = join(config.get(nodeSection).data_directory, NETWORK_DIRECTORIES[network] ?? network);
  if (existsSync(expandHome(directory))) return;
  throw new TroupeError(
    { code: "SUPERVISOR_NO_NODE", network, directory },
    [
      `A Bitcoin node on ${network} is needed by: ${askers.join(", ")}. None is named, and none keeps its data in ${directory}. Either`,
      "  name yours: `supervisor config init`, or [node] rpc and data_directory in troupe.toml,",
      "  or try everything on a private chain: supervisor start --sandbox,",
      `  or do without: ${askers.map((id) => `--set placement.${id}=off`).join(" ")}`,
    ].join("\n"),
  );
}
