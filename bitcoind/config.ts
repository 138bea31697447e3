/** The `[node]` section: which Bitcoin node or nodes to ask, and how to prove who we are to them. */
import { join } from "node:path";
import { z } from "zod";
import { expandHome } from "../runtime/config/path.ts";
import { section } from "../runtime/config/section.ts";
import { secretFile } from "../runtime/secret.ts";

/** Core's default RPC port of each network. */
const RPC_PORTS: Readonly<Record<string, number>> = Object.freeze({
  mainnet: 8332,
  testnet3: 18332,
  testnet4: 48332,
  signet: 38332,
  regtest: 18443,
});

/** The directory below the node's data directory that holds the network's files. */
export const NETWORK_DIRECTORIES: Readonly<Record<string, string>> = Object.freeze({
  mainnet: "",
  testnet3: "testnet3",
  testnet4: "testnet4",
  signet: "signet",
  regtest: "regtest",
});

export const nodeSection = section(
  "node",
  "The Bitcoin node or nodes that the chain is read from.",
  z.object({
    rpc: z
      .array(z.url({ protocol: /^https?$/ }).max(256))
      .max(8)
      .default([])
      .describe(
        "JSON-RPC addresses, the preferred one first; the others take over while it is away. Empty: http://127.0.0.1 with the network's usual port.",
      ),
    data_directory: z
      .string()
      .max(4096)
      .default("~/.bitcoin")
      .describe(
        "The node's own data directory, when it runs on this machine: the cookie and the block files are found there.",
      ),
    cookie_file: z
      .string()
      .max(4096)
      .optional()
      .describe("The node's cookie, when it is not in its data directory."),
    user: z.string().max(256).optional().describe("The name of rpcauth or rpcuser; unset means the cookie."),
    password_file: secretFile()
      .optional()
      .describe("An owner-only file with the password that belongs to `user`."),
    timeout_ms: z
      .int()
      .min(100)
      .max(600_000)
      .default(30_000)
      .describe("How long to wait for an answer of the node."),
    connections: z
      .int()
      .min(1)
      .max(64)
      .default(8)
      .describe("How many requests may run at once; keep it below the node's rpcthreads (16 by default)."),
    stuck_blocks: z
      .int()
      .min(0)
      .max(1_000)
      .default(1)
      .describe(
        "Of several nodes one that stays so many blocks behind another is not asked until it has as much work again, even if it answers. 0: it is asked as long as it answers.",
      ),
    stuck_seconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(60)
      .describe("For how long it must have been behind: a block takes its time from node to node."),
    zmq: z
      .string()
      .regex(/^tcp:\/\/.+:\d{1,5}$/, "must look like tcp://127.0.0.1:28332")
      .max(256)
      .optional()
      .describe(
        "The address of the first node's zmqpubsequence, when it is not the one that the node itself names: news come without delay. A node that publishes nothing is asked again and again.",
      ),
    block_files: z
      .boolean()
      .default(true)
      .describe(
        "Read old blocks, and the transactions that wallets ask for, from the node's files when they are on this machine, which spares the node the work. What is not in them, and all new blocks, come over RPC.",
      ),
    blocks_directory: z
      .string()
      .max(4096)
      .optional()
      .describe(
        "The directory with blk00000.dat, when the node's -blocksdir moved it out of its data directory.",
      ),
  }),
);

/** Where the node keeps its block files, if it is on this machine. */
export function blocksDirectoryOf(config: NodeConfig, network: string): string {
  if (config.blocks_directory !== undefined) return expandHome(config.blocks_directory);
  return join(expandHome(config.data_directory), NETWORK_DIRECTORIES[network] ?? network, "blocks");
}

/** The same, where they may be read. */
export function blockFilesOf(config: NodeConfig, network: string): string | undefined {
  return config.block_files ? blocksDirectoryOf(config, network) : undefined;
}

export type NodeConfig = z.output<typeof nodeSection.schema>;

/** Core's JSON-RPC on this machine where nothing else is said. */
export function usualNodeAddress(network: string): string {
  return `http://127.0.0.1:${RPC_PORTS[network] ?? RPC_PORTS["mainnet"]}`;
}

/** Where to look for nodes, the preferred one first. */
export function rpcAddresses(config: NodeConfig, network: string): readonly string[] {
  return config.rpc.length > 0 ? config.rpc : [usualNodeAddress(network)];
}
