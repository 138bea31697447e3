/** Servers of one chain file side by side: a node that serves it, Troupe as it is run, and whoever else is named. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "../../runtime/free-port.ts";
import { writeBlockDirectory } from "../chain/block-directory.ts";
import { ChainFileSource } from "../chain/chain-file.ts";
import { type Contestant, type NodeAddress, Running } from "../sync/contestant.ts";
import type { ProcessTree } from "../sync/process-tree.ts";

export interface Server {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Undefined for one that is not ours to watch. */
  readonly tree: ProcessTree | undefined;
  /** Of ours: how many messages the gateway has sent over the bus to have clients answered. */
  readonly messages?: (() => Promise<number>) | undefined;
}

export interface ContestOptions {
  readonly chainFile: string;
  /** Name and command of each other server, as `sync` has them. */
  readonly peers: readonly (readonly [name: string, command: string])[];
  /** Where what they have synced is kept for the next time; otherwise it is deleted. */
  readonly keep: string | undefined;
  /** More settings of ours, as `--set` takes them. */
  readonly settings: readonly string[];
  /** The node's block files lie on this machine, as they do where all runs on one box: only ours looks at them. */
  readonly hasBlockFiles: boolean;
  readonly told: (text: string) => void;
}

const OURS = "troupe";
const FILES_KEY = Uint8Array.of(0x9a, 3, 0xf2, 0, 0xc1, 0xd2, 0xe3, 0xf4);
/** Blocks of the file that have not come yet: so there is a mempool, of the first one's transactions. */
export const HELD_BLOCKS = 1;
const SYNC_WITHIN_MS = 6 * 3_600_000;
/** What is measured is not how we slow down who asks much. */
const SETTINGS = [
  "troupe.network=regtest",
  "gateway.wallet_listen=",
  "gateway.electrum_tls_listen=",
  'gateway.electrum_trusted_addresses=["127.0.0.1"]',
  "gateway.electrum_connections_max=100000",
  "indexer.live_blocks=1",
];

export class Contest {
  readonly chain: ChainFileSource;
  readonly #running: Running[] = [];
  readonly #httpPort: number;
  readonly #end: () => Promise<void>;

  private constructor(chain: ChainFileSource, httpPort: number, end: () => Promise<void>) {
    this.chain = chain;
    this.#httpPort = httpPort;
    this.#end = end;
  }

  /** All have synced when this resolves, one after another. */
  static async open(options: ContestOptions): Promise<Contest> {
    const { chainFile, peers, keep, settings, hasBlockFiles, told } = options;
    const home = keep ?? mkdtempSync(join(tmpdir(), "troupe-bench-electrum-"));
    mkdirSync(home, { recursive: true });
    const serve = fileURLToPath(new URL("../serve.js", import.meta.url));
    const node = spawn(process.execPath, [serve, "--chain", chainFile, "--held", String(HELD_BLOCKS)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const chain = await ChainFileSource.open(chainFile);
    const httpPort = await freePort();
    const contest = new Contest(chain, httpPort, async () => {
      node.kill("SIGTERM");
      await chain.close();
      if (keep === undefined) rmSync(home, { recursive: true, force: true });
    });
    try {
      const [line] = (await once(createInterface(node.stdout), "line")) as [string];
      const { url, height } = JSON.parse(line) as { url: string; height: number };
      const address: NodeAddress = { url, user: "bench", password: "bench", height };
      const files = hasBlockFiles
        ? `node.blocks_directory=${await blockFilesOf(chain, height, home)}`
        : "node.block_files=false";
      const contestants = [
        {
          name: OURS,
          command: ownCommand(home, url, [`gateway.http_listen=127.0.0.1:${httpPort}`, files, ...settings]),
          isDoneAtEnd: false,
        },
        ...peers.map(([name, command]) => ({ name, command, isDoneAtEnd: false })),
      ];
      for (const contestant of contestants) await contest.#add(contestant, address, home, told);
    } catch (error) {
      await contest.close();
      throw error;
    }
    return contest;
  }

  get servers(): readonly Server[] {
    return this.#running.map(({ name, port, tree }) => ({
      name,
      host: "127.0.0.1",
      port,
      tree,
      messages: name === OURS ? () => messagesOf(this.#httpPort) : undefined,
    }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.stop()));
    await this.#end();
  }

  async #add(
    contestant: Contestant,
    node: NodeAddress,
    home: string,
    told: (text: string) => void,
  ): Promise<void> {
    const directory = join(home, contestant.name);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const running = new Running(contestant, node, { directory, port: await freePort() });
    this.#running.push(running);
    const seconds = await running.done(SYNC_WITHIN_MS);
    told(`${contestant.name} is level after ${seconds.toFixed(1)} s`);
  }
}

/** As the gateway counts its calls to the actors that know the chain. */
async function messagesOf(httpPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  let sum = 0;
  for (const [, labels = "", count] of text.matchAll(/^troupe_rpc_duration_seconds_count\{(.+)\} (\d+)$/gm)) {
    const isAsked = labels.includes('side="client"') && labels.includes('caller="gateway"');
    if (isAsked && /callee="(indexer|mempool)"/.test(labels)) sum += Number(count);
  }
  return sum;
}

/** Written once for each directory that is kept; hidden behind a key, as nodes hide them. */
async function blockFilesOf(chain: ChainFileSource, height: number, home: string): Promise<string> {
  const directory = join(home, `blocks-${height}`);
  const done = join(directory, "done");
  if (existsSync(done)) return directory;
  await writeBlockDirectory(directory, upTo(chain, height), { key: FILES_KEY });
  writeFileSync(done, "");
  return directory;
}

async function* upTo(chain: ChainFileSource, height: number): AsyncGenerator<Uint8Array> {
  let left = height + 1;
  for await (const block of chain.allBlocks()) {
    if (left-- <= 0) return;
    yield block;
  }
}

function ownCommand(home: string, nodeUrl: string, settings: readonly string[]): string {
  const cookie = join(home, "cookie");
  if (!existsSync(cookie)) writeFileSync(cookie, "bench:bench", { mode: 0o600 });
  const program = fileURLToPath(new URL("../../cli/supervisor.js", import.meta.url));
  const sets = [...SETTINGS, `node.rpc=["${nodeUrl}"]`, `node.cookie_file=${cookie}`, ...settings];
  return [
    ...[quoted(process.execPath), quoted(program), "start", "--data", '"$PEER_DIRECTORY"'],
    ...sets.flatMap((set) => ["--set", quoted(set)]),
    ...["--set", '"gateway.electrum_tcp_listen=127.0.0.1:$PEER_PORT"'],
  ].join(" ");
}

/** As one word of the shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
