/** The nodes that a question is asked of: the sandbox always, a real bitcoind where there is one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SandboxNode } from "../../../bitcoind/sandbox/node.ts";
import { findBitcoind, RealNode } from "./bitcoind.ts";

export interface SomeNode {
  readonly rpcUrl: string;
  readonly cookiePath: string;
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

export interface NodeMaker {
  readonly name: string;
  start(): Promise<SomeNode>;
}

const theSandbox: NodeMaker = {
  name: "the sandbox",
  async start() {
    const dataDirectory = mkdtempSync(join(tmpdir(), "troupe-node-"));
    const node = await SandboxNode.start({ dataDirectory });
    const stop = async () => {
      await node.stop();
      rmSync(dataDirectory, { recursive: true, force: true });
    };
    return { rpcUrl: node.rpcUrl, cookiePath: node.cookiePath, dataDirectory, stop };
  },
};

/** `variants` makes others of the real node, by name, from one that has started. */
export function nodeMakers(
  variants: Readonly<Record<string, (node: RealNode) => Promise<void>>> = {},
): NodeMaker[] {
  const bitcoind = findBitcoind();
  if (bitcoind === undefined) return [theSandbox];
  const others = Object.entries(variants).map(([name, change]) => ({
    name,
    async start() {
      const node = await RealNode.start(bitcoind);
      await change(node);
      return node;
    },
  }));
  return [theSandbox, { name: "a real node", start: () => RealNode.start(bitcoind) }, ...others];
}
