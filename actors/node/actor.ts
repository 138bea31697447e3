/** The sandbox's node as an actor: a chain kept in its data directory, which mines on and on. Wiring only. */
import { setImmediate as turn } from "node:timers/promises";
import type { z } from "zod";
import { regtest } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { SandboxNode } from "../../bitcoind/sandbox/node.ts";
import type { OwnChain } from "../../bitcoind/sandbox/own-chain.ts";
import { BitcoindChain } from "../../bitcoind/sandbox/real-node.ts";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Publisher } from "../../bus/bus.ts";
import { type NodeTip, nodeContract } from "../../bus/contracts/node.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { freePort } from "../../runtime/free-port.ts";
import { sandboxSection } from "./config.ts";
import { keeperOf } from "./keeper.ts";
import { observeNode } from "./metrics.ts";

type NodeContext = ActorContext<z.output<typeof sandboxSection.schema>>;

/** So many blocks are mined between two looks at the world: some 50 ms. */
const BATCH = 20;

export const node: ActorDefinition<typeof sandboxSection.schema> = {
  name: "node",
  section: sandboxSection,
  create: (context) => new Node(context),
};

class Node implements Actor {
  readonly #context: NodeContext;
  #sandbox: OwnChain | undefined;
  #publisher: Publisher<typeof nodeContract> | undefined;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  async start(): Promise<void> {
    const { config, dataDirectory, network, bus, clock, meter, log } = this.#context;
    if (network !== regtest.name) {
      const message = `The sandbox's node only knows regtest, and we are on ${network}.`;
      throw new TroupeError({ code: "SANDBOX_WRONG_NETWORK", network }, message);
    }
    requireAddress(config.mine_to);
    const keeper = keeperOf(config.bitcoind, dataDirectory);
    const options = {
      dataDirectory,
      port: config.rpc_port,
      clock,
      mining: { intervalMs: config.block_interval_ms, address: config.mine_to },
    };
    const sandbox =
      keeper === "none"
        ? await SandboxNode.start(options)
        : await BitcoindChain.start({
            ...options,
            port: config.rpc_port === 0 ? await freePort() : config.rpc_port,
            bitcoind: keeper,
            onFailure: die,
          });
    this.#sandbox = sandbox;
    await this.#mineFirst(sandbox);
    const publisher = bus.publisher(nodeContract);
    this.#publisher = publisher;
    observeNode(meter, () => tipOf(sandbox));
    const tell = () => {
      publisher.state("tip", tipOf(sandbox));
      this.#context.report("ready", `block ${sandbox.tip.height.toLocaleString("en")}`);
    };
    sandbox.onChange(tell);
    tell();
    log.info("the sandbox's chain is open", { ...sandbox.tip, rpc: sandbox.rpcUrl, keeper });
    this.#context.openDoors([
      {
        name: "rpc",
        address: sandbox.rpcUrl,
        doc: `${keeper === "none" ? "Bitcoin node" : "bitcoind"} on regtest; cookie in ${sandbox.cookiePath}`.slice(
          0,
          200,
        ),
      },
    ]);
  }

  async stop(): Promise<void> {
    await this.#sandbox?.stop();
    await this.#publisher?.stop();
  }

  /** A new chain gets its first blocks at once, with a breath now and then so that the heartbeat goes on. */
  async #mineFirst(sandbox: OwnChain): Promise<void> {
    const { config, signal } = this.#context;
    while (sandbox.tip.height < config.first_blocks && !signal.aborted) {
      await sandbox.mine(Math.min(BATCH, config.first_blocks - sandbox.tip.height), config.mine_to);
      this.#context.report(
        "syncing",
        `mining the first blocks: ${sandbox.tip.height} of ${config.first_blocks}`,
      );
      await turn();
    }
  }
}

function tipOf(sandbox: OwnChain): NodeTip {
  return { ...sandbox.tip, mempoolTxs: sandbox.mempoolCount };
}

/** A chain whose node has ended is none: the supervisor starts us anew. */
function die(error: TroupeError): void {
  setImmediate(() => {
    throw error;
  });
}

function requireAddress(address: string): void {
  try {
    scriptOfAddress(address, regtest);
  } catch (cause) {
    throw new TroupeError(
      { code: "SANDBOX_BAD_ADDRESS", address },
      `[sandbox] mine_to is "${address}", which is no address of regtest. It begins with bcrt1.`,
      { cause },
    );
  }
}
