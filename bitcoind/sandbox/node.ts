/** The sandbox: a regtest node inside the program, for demonstrations and tests where no bitcoind is. It never claims consensus. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Block } from "../../bitcoin/block/block.ts";
import { blockHashOf, serializeHeader } from "../../bitcoin/block/header.ts";
import { type BlockHash, bytesToHex, hexToBytes, type Txid } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { parseTransaction } from "../../bitcoin/transaction.ts";
import { type Clock, systemClock, type Timer } from "../../runtime/clock.ts";
import { writeWhole } from "../../runtime/whole-file.ts";
import { Chain, type ChainChange } from "./chain/chain.ts";
import { ScriptChecker } from "./chain/script-check.ts";
import { Mempool } from "./mempool.ts";
import { mineBlock } from "./miner.ts";
import { ZmqPublisher } from "./publisher.ts";
import { RuleBroken } from "./refusal.ts";
import type { SandboxParts } from "./rpc/calls.ts";
import { chainCalls } from "./rpc/chain-calls.ts";
import { HttpDoor } from "./rpc/http.ts";
import { mempoolCalls } from "./rpc/mempool-calls.ts";
import { miningCalls } from "./rpc/mining-calls.ts";

export interface SandboxOptions {
  /** Like a node's `-datadir`: blocks and cookie stand in its `regtest` directory. One sandbox at a time. */
  readonly dataDirectory: string;
  /** The RPC port on 127.0.0.1; 0 or nothing takes a free one. */
  readonly port?: number;
  /** Stamps blocks and times the miner: with a clock that stands still the same calls make the same chain. */
  readonly clock?: Clock;
  /** Mines by itself. */
  readonly mining?: { readonly intervalMs: number; readonly address: string };
}

const CALLS = Object.freeze({ ...chainCalls, ...mempoolCalls, ...miningCalls });

export class SandboxNode {
  readonly dataDirectory: string;
  readonly cookiePath: string;
  /** Resolves once the node is down, whoever asked for it. */
  readonly stopped: Promise<void>;
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #mempoolPath: string;
  readonly #clock: Clock;
  #door: HttpDoor | undefined;
  #publisher: ZmqPublisher | undefined;
  #rpcUrl = "";
  #miner: Timer | undefined;
  #stopping: Promise<void> | undefined;
  #tellStopped: () => void = () => undefined;

  private constructor(options: SandboxOptions) {
    this.dataDirectory = options.dataDirectory;
    this.#clock = options.clock ?? systemClock;
    const directory = join(options.dataDirectory, regtest.name);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.cookiePath = join(directory, ".cookie");
    this.#mempoolPath = join(directory, "mempool.txt");
    this.stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
    const scripts = new ScriptChecker();
    this.#chain = Chain.open({
      directory: join(directory, "blocks"),
      network: regtest,
      clock: this.#clock,
      scripts,
    });
    this.#mempool = new Mempool(this.#chain, scripts, this.#clock);
    this.#chain.onChange((change) => this.#follow(change));
    this.#mempool.onEvent((kind, txid, sequence) =>
      this.#tellOf(kind === "added" ? "A" : "R", txid, sequence),
    );
  }

  /** Opens the chain kept in the data directory, or begins one, and answers on loopback. */
  static async start(options: SandboxOptions): Promise<SandboxNode> {
    const node = new SandboxNode(options);
    try {
      node.#loadMempool();
      node.#publisher = await ZmqPublisher.open();
      await node.#openDoor(options.port ?? 0, node.#publisher.url);
      if (options.mining !== undefined) {
        node.#mineEvery(options.mining.intervalMs, scriptOfAddress(options.mining.address, regtest));
      }
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  get rpcUrl(): string {
    return this.#rpcUrl;
  }

  get tip(): { readonly height: number; readonly hash: BlockHash } {
    const { height, hash } = this.#chain.tip;
    return { height, hash };
  }

  /** How many transactions wait for a block. */
  get mempoolCount(): number {
    return this.#mempool.size;
  }

  /** Called after blocks came or went. */
  onChange(listener: () => void): void {
    this.#chain.onChange(() => listener());
  }

  /** Mines so many blocks at once, each with the mempool's best, and pays their rewards to `address`. */
  mine(count: number, address: string): void {
    const payTo = scriptOfAddress(address, regtest);
    for (let mined = 0; mined < count; mined++) mineBlock(this.#chain, this.#mempool, this.#clock, payTo);
  }

  /** Ends the node; what is unconfirmed is kept for the next start. Calling it twice waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#miner?.cancel();
    await this.#door?.close();
    await this.#publisher?.close();
    this.#saveMempool();
    this.#chain.close();
    rmSync(this.cookiePath, { force: true });
    this.#tellStopped();
  }

  /** What is told and in which order is a node's: what a block takes is not told, what it makes impossible before it. */
  #follow(change: ChainChange): void {
    const isReorganised = change.disconnected.length > 0;
    for (const block of change.disconnected) this.#tellOf("D", hashOf(block));
    if (!isReorganised) this.#mempool.follow(change);
    for (const block of change.connected) this.#tellOf("C", hashOf(block));
    if (isReorganised) this.#mempool.follow(change);
    const last = change.connected.at(-1);
    if (last !== undefined) this.#publisher?.publish("hashblock", Buffer.from(hashOf(last), "hex"));
  }

  #tellOf(letter: "A" | "R" | "C" | "D", hash: Txid | BlockHash, sequence?: number): void {
    const number = Buffer.alloc(sequence === undefined ? 0 : 8);
    if (sequence !== undefined) number.writeBigUInt64LE(BigInt(sequence));
    this.#publisher?.publish(
      "sequence",
      Buffer.concat([Buffer.from(hash, "hex"), Buffer.from(letter), number]),
    );
  }

  async #openDoor(port: number, zmqUrl: string): Promise<void> {
    const credentials = `__cookie__:${randomBytes(32).toString("hex")}`;
    const parts: SandboxParts = {
      chain: this.#chain,
      mempool: this.#mempool,
      clock: this.#clock,
      network: regtest,
      zmqUrl,
      requestStop: () => {
        // Later, so that the answer still goes out.
        setImmediate(() => void this.stop());
      },
    };
    this.#door = await HttpDoor.open({ port, credentials, parts, calls: CALLS });
    this.#rpcUrl = `http://127.0.0.1:${this.#door.port}`;
    writeWhole(this.cookiePath, credentials);
  }

  #mineEvery(intervalMs: number, payTo: Uint8Array): void {
    this.#miner = this.#clock.after(intervalMs, () => {
      mineBlock(this.#chain, this.#mempool, this.#clock, payTo);
      this.#mineEvery(intervalMs, payTo);
    });
  }

  #loadMempool(): void {
    for (const line of readLines(this.#mempoolPath)) {
      try {
        this.#mempool.add(this.#mempool.examine(parseTransaction(hexToBytes(line)), { bypassLimits: true }));
      } catch (error) {
        // Confirmed meanwhile, or no longer possible: such a transaction has no place in the mempool.
        if (!(error instanceof RuleBroken)) throw error;
      }
    }
  }

  #saveMempool(): void {
    const lines = [...this.#mempool.entries()].map((entry) => bytesToHex(entry.rawTx));
    writeWhole(this.#mempoolPath, lines.join("\n"));
  }
}

function hashOf({ header }: Block): BlockHash {
  return blockHashOf(serializeHeader(header));
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch (error) {
    // The first start, or one after a sudden end.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
