/** The sandbox's own node as the other actors find it: one address for the whole life of the supervisor. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { directorySection } from "../../actors/directory/config.ts";
import { gatewaySection } from "../../actors/gateway/config.ts";
import { sandboxSection } from "../../actors/node/config.ts";
import { type NodeConfig, nodeSection } from "../../bitcoind/config.ts";
import { type MarketConfig, marketSection } from "../../joinmarket/channel/config.ts";
import type { Config } from "../../runtime/config/config.ts";
import { expandHome } from "../../runtime/config/path.ts";
import { freePort } from "../../runtime/free-port.ts";
import { torSection } from "../config.ts";
import type { Placement } from "../spec.ts";
import { badPlan } from "./bad-plan.ts";

/** For the questions of `config init`, which know the supervisor only. */
export { usualNodeAddress } from "../../bitcoind/config.ts";

export interface OwnNode {
  readonly port: number;
  /** Like a node's `-datadir`. */
  readonly dataDirectory: string;
  /** The path of the bitcoind that is to keep a new chain, or `none`. Found here: an actor has no environment. */
  readonly keeper: string;
  /** Where the directory node beside it listens, `host:port`. */
  readonly directory: string;
}

/** Where our own node shall answer, when it runs here. A port that the configuration leaves open is chosen once, so that it outlives the node's restarts. */
export async function ownNodeOf(
  config: Config,
  placement: Placement | undefined,
  dataDirectory: string,
): Promise<OwnNode | undefined> {
  const keeper = keeperFor(config, placement);
  if (keeper === undefined) return undefined;
  const wanted = config.get(sandboxSection).rpc_port;
  const port = wanted === 0 ? await freePort() : wanted;
  return { port, dataDirectory, keeper, directory: await directoryOf(config) };
}

/** Makers and takers must know it before it runs. */
async function directoryOf(config: Config): Promise<string> {
  const { listen } = config.get(directorySection);
  return listen.endsWith(":0") ? `${listen.slice(0, -1)}${await freePort()}` : listen;
}

/** The section `[market]` for makers and takers: in the sandbox they meet at our own directory. */
export function marketConfigFor(config: Config, ownNode: OwnNode | undefined): MarketConfig {
  const values = config.get(marketSection);
  const tor = config.get(torSection);
  const socks = values.socks ?? tor.socks;
  const control = values.control ?? tor.control;
  const isOwn = values.directories.length === 0 && ownNode !== undefined;
  return {
    ...values,
    ...(isOwn ? { directories: [ownNode.directory] } : {}),
    ...(socks === undefined ? {} : { socks }),
    ...(control === undefined ? {} : { control }),
  };
}

/** Whether the sandbox is to begin with wallets: where its node, walletd and the maker run here. */
export function wantsWallets(config: Config, actors: readonly Placed[]): boolean {
  const needed = ["node", "walletd", "maker"];
  const runHere = actors.filter(({ placement }) => placement !== "off" && placement !== "elsewhere");
  return config.get(sandboxSection).wallets && needed.every((id) => runHere.some((actor) => actor.id === id));
}

/** What a sandbox shows of itself besides its tree: whom its blocks pay, and whether wallets have pages of their own. */
export function sandboxSights(config: Config): { minerAddress: string; hasPages: boolean } {
  return {
    minerAddress: config.get(sandboxSection).mine_to,
    hasPages: config.get(gatewaySection).wallet_pages !== undefined,
  };
}

interface Placed {
  readonly id: string;
  readonly placement: Placement;
}

/** Who shall keep the chain of our own node; nothing when none runs here. Throws for a program that cannot be run. */
export function keeperFor(config: Config, placement: Placement | undefined): string | undefined {
  if (placement === undefined || placement === "off" || placement === "elsewhere") return undefined;
  return wantedKeeper(config.get(sandboxSection).bitcoind, process.env);
}

/** The section `[node]` for an actor that asks a node: our own, or what the configuration says. */
export function nodeConfigFor(config: Config, ownNode: OwnNode | undefined): NodeConfig {
  if (ownNode === undefined) return config.get(nodeSection);
  return nodeSection.schema.parse({
    rpc: [`http://127.0.0.1:${ownNode.port}`],
    data_directory: ownNode.dataDirectory,
  });
}

/** What `[sandbox] bitcoind` comes down to: `auto` looks for a program in BITCOIND and on the PATH. */
export function wantedKeeper(
  setting: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (setting === "none") return setting;
  if (setting !== "auto") {
    const program = expandHome(setting);
    if (!isProgram(program)) {
      throw badPlan(`[sandbox] bitcoind names ${program}, which is no program that we may run`);
    }
    return program;
  }
  const onPath = (environment["PATH"] ?? "").split(delimiter).filter(Boolean);
  const candidates = [
    environment["BITCOIND"] ?? "",
    ...onPath.map((directory) => join(directory, "bitcoind")),
  ];
  return candidates.find(isProgram) ?? "none";
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not for us: the next one.
    return false;
  }
}
