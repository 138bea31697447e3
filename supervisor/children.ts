/** The actors of this release, one row each: the only place that knows all of them. Start order is the table's order. */
import { z } from "zod";
import { directorySection } from "../actors/directory/config.ts";
import { gatewaySection } from "../actors/gateway/config.ts";
import { indexerSection } from "../actors/indexer/config.ts";
import { ledgerSection } from "../actors/ledger/config.ts";
import { makerSection } from "../actors/maker/config.ts";
import { mempoolSection } from "../actors/mempool/config.ts";
import { sandboxSection } from "../actors/node/config.ts";
import { takerSection } from "../actors/taker/config.ts";
import { walletdSection } from "../actors/walletd/config.ts";
import { blockFilesOf, nodeSection } from "../bitcoind/config.ts";
import { marketSection } from "../joinmarket/channel/config.ts";
import type { Config } from "../runtime/config/config.ts";
import { runtimeSections } from "../runtime/config/config-sections.ts";
import { parseHostPort } from "../runtime/config/config-values.ts";
import { type Section, section } from "../runtime/config/section.ts";
import { busSection, torSection } from "./config.ts";
import type { WantedDoor } from "./doctor/network.ts";
import { marketConfigFor, nodeConfigFor, type OwnNode } from "./plan/own-node.ts";
import {
  type Heartbeat,
  type Intensity,
  LEAF_INTENSITY,
  type Placement,
  type Restart,
  type Shutdown,
} from "./spec.ts";

/** An actor as the supervisor knows it. */
export interface ActorRow {
  readonly id: string;
  /** One sentence for `--help`, docs and the configuration file. */
  readonly doc: string;
  readonly section: Section;
  /** What it is started with, when that is more than its section. */
  startSection?(config: Config, ownNode: OwnNode | undefined): unknown;
  /** The compiled worker. A string with `.js`: it is not an import. */
  readonly entry: URL;
  readonly placement: Placement;
  /** Where it runs in a sandbox unless the configuration says otherwise, when that is not its usual place. */
  readonly sandboxPlacement?: Placement;
  /** Where it runs nowhere by itself it is somebody's choice: whoever starts it by name gets it in that place. */
  readonly namedPlacement?: Placement;
  /** It needs a Bitcoin node: our own in the sandbox, another elsewhere. */
  readonly asksNode?: boolean;
  readonly restart: Restart;
  readonly critical: boolean;
  readonly startTimeoutMs: number;
  readonly shutdown: Shutdown;
  readonly heartbeat: Heartbeat;
  readonly intensity: Intensity;
  readonly heapMb?: number;
  /** Actors around whose restarts this one is suspended. */
  readonly dependsOn?: readonly string[];
  /** Members of other actors that answer it in its own thread, where those run on this host: what their stores hold is read there. */
  mounts?(config: Config, place: MountPlace): readonly MountedRow[];
  /** In a process of its own it may read and write only its own directory and these; no children, threads or native code. */
  readonly confined?: { readonly read: readonly string[] };
  /** The doors that its section asks for, so that a port in use is told before anything starts. */
  doors(config: Config): WantedDoor[];
}

/** What a mounted member's section may depend on besides the configuration. */
export interface MountPlace {
  readonly network: string;
  readonly ownNode: OwnNode | undefined;
}

export interface MountedRow {
  readonly actor: string;
  /** The compiled module. A string with `.js`: it is not an import. */
  readonly entry: URL;
  readonly section: unknown;
}

const HEARTBEAT: Heartbeat = Object.freeze({ warnMs: 2_000, deadMs: 10_000 });

/** Restarted whenever it ends, with nothing else falling for it. */
const USUAL = {
  restart: "permanent",
  critical: false,
  startTimeoutMs: 30_000,
  heartbeat: HEARTBEAT,
  intensity: LEAF_INTENSITY,
} as const;

const MEGABYTE = 1024 * 1024;

const SANDBOX_MAKERS_MIN = 2;
const SANDBOX_QUIET_MS = 250;
const SANDBOX_PUSH_S = 5;

const GATEWAY_DOORS = [
  ["http", "http_listen"],
  ["wallet", "wallet_listen"],
  ["wallet ws", "wallet_ws_listen"],
  ["commands", "xmpp_http_listen"],
  ["electrum tcp", "electrum_tcp_listen"],
  ["electrum tls", "electrum_tls_listen"],
  ["electrum ws", "electrum_ws_listen"],
  ["electrum wss", "electrum_wss_listen"],
] as const;

function torControlOf(config: Config): { tor_control?: string } {
  const { control } = config.get(torSection);
  return control === undefined ? {} : { tor_control: control };
}

export const ACTORS: readonly ActorRow[] = Object.freeze([
  {
    id: "node",
    doc: "The sandbox's own Bitcoin node on a private regtest chain; elsewhere a bitcoind is used.",
    section: sandboxSection,
    entry: new URL("../actors/node/worker.js", import.meta.url),
    placement: "off",
    sandboxPlacement: "process",
    ...USUAL,
    critical: true,
    startTimeoutMs: 60_000,
    shutdown: { politeMs: 5_000, termMs: 10_000 },
    startSection: (config, ownNode) => ({
      ...config.get(sandboxSection),
      ...(ownNode === undefined ? {} : { rpc_port: ownNode.port, bitcoind: ownNode.keeper }),
    }),
    doors(config: Config) {
      const port = config.get(sandboxSection).rpc_port;
      return [{ name: "node rpc", host: "127.0.0.1", port, key: "[sandbox] rpc_port" }];
    },
  },
  {
    id: "indexer",
    doc: "The index of the confirmed chain, made from the node's blocks; the only writer of its store.",
    section: indexerSection,
    entry: new URL("../actors/indexer/worker.js", import.meta.url),
    placement: "process",
    asksNode: true,
    ...USUAL,
    critical: true,
    shutdown: { politeMs: 30_000, termMs: 40_000 },
    startSection: (config, ownNode) => ({
      ...config.get(indexerSection),
      node: nodeConfigFor(config, ownNode),
      isOwnChain: ownNode !== undefined,
    }),
    doors: () => [],
  },
  {
    id: "mempool",
    doc: "The node's unconfirmed transactions, by script hash and by output; fees, and sending to the network.",
    section: mempoolSection,
    entry: new URL("../actors/mempool/worker.js", import.meta.url),
    placement: "stage:main",
    asksNode: true,
    ...USUAL,
    shutdown: { politeMs: 10_000, termMs: 15_000 },
    startSection: (config, ownNode) => ({
      ...config.get(mempoolSection),
      node: nodeConfigFor(config, ownNode),
    }),
    doors: () => [],
  },
  {
    id: "walletd",
    doc: "The wallets: keys, coins, addresses, and the judgement of what is signed. Locked after every start.",
    section: walletdSection,
    entry: new URL("../actors/walletd/worker.js", import.meta.url),
    placement: "process",
    confined: { read: [] },
    ...USUAL,
    shutdown: { politeMs: 10_000, termMs: 15_000 },
    startSection(config, ownNode) {
      const values = config.get(walletdSection);
      // Coins of the private chain are worth nothing, and JAM asks for the words without the password.
      const isOpen = values.seed_over_http === "sandbox" && ownNode !== undefined;
      return { ...values, seed_over_http: isOpen ? "yes" : values.seed_over_http };
    },
    doors: () => [],
  },
  {
    id: "directory",
    doc: "A directory node: it introduces JoinMarket's makers and takers to each other and carries their messages.",
    section: directorySection,
    entry: new URL("../actors/directory/worker.js", import.meta.url),
    placement: "off",
    sandboxPlacement: "stage:main",
    namedPlacement: "process",
    ...USUAL,
    shutdown: { politeMs: 5_000, termMs: 10_000 },
    startSection: (config, ownNode) => ({
      ...config.get(directorySection),
      ...torControlOf(config),
      ...(ownNode === undefined ? {} : { listen: ownNode.directory }),
    }),
    doors(config: Config) {
      const address = parseHostPort(config.get(directorySection).listen);
      return address === undefined ? [] : [{ name: "directory", ...address, key: "[directory] listen" }];
    },
  },
  {
    id: "maker",
    doc: "Wallets that earn: offers their coins for coinjoins and serves whoever takes an offer. Holds no key.",
    section: makerSection,
    entry: new URL("../actors/maker/worker.js", import.meta.url),
    placement: "off",
    sandboxPlacement: "stage:main",
    namedPlacement: "stage:main",
    ...USUAL,
    shutdown: { politeMs: 10_000, termMs: 15_000 },
    startSection: (config, ownNode) => ({
      ...config.get(makerSection),
      market: marketConfigFor(config, ownNode),
    }),
    doors: () => [],
  },
  {
    id: "taker",
    doc: "The taker: coinjoins with makers of the JoinMarket, when a wallet's owner asks for one.",
    section: takerSection,
    entry: new URL("../actors/taker/worker.js", import.meta.url),
    placement: "stage:main",
    ...USUAL,
    shutdown: { politeMs: 5_000, termMs: 10_000 },
    startSection(config, ownNode) {
      const values = config.get(takerSection);
      const market = marketConfigFor(config, ownNode);
      if (ownNode === undefined) return { ...values, market };
      // All of its makers are on this machine: whoever answers does it at once.
      const { quiet_ms, push_timeout_seconds } = values;
      return {
        ...values,
        market,
        makers_min: makersMinFor(config, ownNode),
        quiet_ms: Math.min(quiet_ms, SANDBOX_QUIET_MS),
        push_timeout_seconds: Math.min(push_timeout_seconds, SANDBOX_PUSH_S),
      };
    },
    doors: () => [],
  },
  {
    id: "ledger",
    doc: "The bank behind the chat door: people's accounts in double-entry books, their orders and notices. Holds no key.",
    section: ledgerSection,
    entry: new URL("../actors/ledger/worker.js", import.meta.url),
    placement: "off",
    sandboxPlacement: "off",
    namedPlacement: "stage:main",
    restart: "permanent",
    critical: false,
    startTimeoutMs: 30_000,
    shutdown: { politeMs: 10_000, termMs: 15_000 },
    heartbeat: HEARTBEAT,
    intensity: LEAF_INTENSITY,
    doors: () => [],
  },
  {
    id: "gateway",
    doc: "The doors for outsiders: Electrum wallets, wallet apps such as JAM, web page, health, metrics.",
    section: gatewaySection,
    entry: new URL("../actors/gateway/worker.js", import.meta.url),
    placement: "stage:main",
    ...USUAL,
    shutdown: { politeMs: 5_000, termMs: 10_000 },
    startSection(config, ownNode) {
      const { socks } = config.get(torSection);
      const { mode, owners, admins } = config.get(ledgerSection);
      return {
        ...config.get(gatewaySection),
        bank_operators: [...new Set([...admins, ...(mode === "owner" ? owners : [])])],
        makers_min: makersMinFor(config, ownNode),
        ...torControlOf(config),
        ...(socks === undefined ? {} : { tor_socks: socks }),
      };
    },
    mounts(config: Config, { network, ownNode }: MountPlace) {
      const { index_cache_mb } = config.get(gatewaySection);
      if (index_cache_mb === 0) return [];
      const entry = new URL("../actors/indexer/answers/mounted-index.js", import.meta.url);
      // Of the node it gets where its block files lie, and nothing else: no address, no credentials.
      const blocksDirectory = blockFilesOf(nodeConfigFor(config, ownNode), network);
      const section = {
        cacheBytes: index_cache_mb * MEGABYTE,
        ...(blocksDirectory === undefined ? {} : { blocksDirectory }),
      };
      return [{ actor: "indexer", entry, section }];
    },
    doors(config: Config) {
      const values = config.get(gatewaySection);
      return GATEWAY_DOORS.flatMap(([name, key]) => {
        const address = parseHostPort(values[key]);
        return address === undefined
          ? []
          : [{ name: `gateway ${name}`, ...address, key: `[gateway] ${key}` }];
      });
    },
  },
] satisfies ActorRow[]);

/** The taker goes by it, and the gateway tells wallet apps, which allow no fewer. */
function makersMinFor(config: Config, ownNode: OwnNode | undefined): number {
  const { makers_min } = config.get(takerSection);
  return ownNode === undefined ? makers_min : Math.min(makers_min, SANDBOX_MAKERS_MIN);
}

const PlacementSchema = z
  .string()
  .max(64)
  .refine((text): text is Placement => /^(stage:[a-z0-9-]{1,32}|process|here|elsewhere|off)$/.test(text), {
    params: { expected: '"stage:<name>", "process", "here", "elsewhere" or "off"' },
  });

export const placementSection = section(
  "placement",
  "Where each actor runs. stage:<name>: a thread of that process; process: its own; here: a thread of the supervisor's; elsewhere: on another host; off: nowhere",
  z.object(
    Object.fromEntries(
      ACTORS.map((row) => [
        row.id,
        PlacementSchema.default(row.placement).describe(`Where ${row.id} runs. ${row.doc}`),
      ]),
    ),
  ),
);

export const implementationSection = section(
  "implementation",
  "Other code in the place of an actor: the compiled worker, relative to this file. It runs with all our rights",
  z.object(
    Object.fromEntries(
      ACTORS.map((row) => [
        row.id,
        z
          .string()
          .min(1)
          .max(4096)
          .optional()
          .describe(`A worker to run instead of our ${row.id}, such as ./my-${row.id}/worker.js.`),
      ]),
    ),
  ),
);

/** Every section of the configuration file, in the order in which the default file shows them. */
export const ALL_SECTIONS: readonly Section[] = Object.freeze([
  ...runtimeSections,
  busSection,
  placementSection,
  implementationSection,
  nodeSection,
  torSection,
  marketSection,
  ...ACTORS.map((row) => row.section),
]);
