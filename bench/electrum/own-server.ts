/** Troupe itself beside a real bitcoind, each in processes of its own as in production: what benchmarks ask when nobody names a server. */
import { readFileSync } from "node:fs";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { freePorts } from "../../runtime/free-port.ts";
import { Home } from "../../tests/harness/cli/command.ts";
import { findBitcoind, RealNode } from "../../tests/harness/node/bitcoind.ts";
import type { CallMany } from "../mempool/fill.ts";

/** A node checks all it has after each block on regtest: not what is measured. */
const NODE_OPTIONS = ["-checkmempool=0", "-checkblockindex=0", "-dbcache=300"];

interface OwnServerTerms {
  /** Of the environment, where actors are to run elsewhere than they do in production. */
  readonly placement?: Readonly<Record<string, string>>;
  /** What other servers need of the node. */
  readonly nodeOptions?: readonly string[];
}

export class OwnServer {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly node: RealNode;
  readonly #home: Home;

  private constructor(node: RealNode, home: Home, port: number) {
    this.node = node;
    this.#home = home;
    this.port = port;
  }

  /** Undefined where there is no bitcoind. `fill` makes the chain that is there before the server starts. */
  static async start(
    fill: (call: CallMany) => Promise<void>,
    { placement = {}, nodeOptions = [] }: OwnServerTerms = {},
  ): Promise<OwnServer | undefined> {
    const program = findBitcoind();
    if (program === undefined) return undefined;
    const node = await RealNode.start(program);
    const home = new Home();
    try {
      await node.shutDown();
      await node.restore([...NODE_OPTIONS, ...nodeOptions]);
      await fill(callerOf(node));
      const [port = 0] = await freePorts(1);
      const settings = {
        "troupe.network": "regtest",
        "node.rpc": JSON.stringify([node.rpcUrl]),
        "node.cookie_file": node.cookiePath,
        "gateway.http_listen": "127.0.0.1:0",
        "gateway.wallet_listen": "",
        "gateway.electrum_tcp_listen": `127.0.0.1:${port}`,
        "gateway.electrum_tls_listen": "",
        "gateway.electrum_trusted_addresses": '["127.0.0.1"]',
        "gateway.electrum_connections_max": 100_000,
      };
      const sets = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
      const started = home.spawnWith(
        { TROUPE_PLACEMENT__INDEXER: "process", TROUPE_PLACEMENT__MEMPOOL: "stage:main", ...placement },
        ...["start", "--data", home.data, ...sets],
      );
      await started.says(/^Ready in/m);
      return new OwnServer(node, home, port);
    } catch (error) {
      await home.close();
      await node.stop();
      throw error;
    }
  }

  get call(): CallMany {
    return callerOf(this.node);
  }

  /** The process that an actor runs in, alone or with others of its stage. */
  async pidOf(actor: string): Promise<number> {
    const pid = find((await this.#home.tree()).root, actor)?.pid;
    if (typeof pid !== "number") throw new Error(`no process of ${actor}`);
    return pid;
  }

  /** Stops the server; the node goes on. */
  async retire(): Promise<void> {
    await this.#home.close();
  }

  async close(): Promise<void> {
    await this.retire();
    await this.node.stop();
  }
}

function find(child: ChildStatus, id: string): ChildStatus | undefined {
  if (child.id === id) return child;
  return child.children.map((each) => find(each, id)).find((found) => found !== undefined);
}

/** Calls in one request to the node. */
function callerOf(node: RealNode): CallMany {
  return async (calls) => {
    const cookie = Buffer.from(readFileSync(node.cookiePath, "utf8")).toString("base64");
    const response = await fetch(node.rpcUrl, {
      method: "POST",
      headers: { authorization: `Basic ${cookie}` },
      body: JSON.stringify(calls.map((of, id) => ({ jsonrpc: "2.0", id, ...of }))),
    });
    return (await response.json()) as Awaited<ReturnType<CallMany>>;
  };
}
