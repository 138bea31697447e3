/** Serves a chain file (see `chain`) over RPC and REST as a node would, until it is interrupted: `serve --chain <file> [--port n]`. */
import { parseArgs } from "node:util";
import { ChainFileSource } from "./chain/chain-file.ts";
import { ChainNode } from "./chain/chain-node.ts";

const { values } = parseArgs({
  options: { chain: { type: "string" }, port: { type: "string", default: "0" } },
});
if (values.chain === undefined) {
  process.stderr.write("serve: say with --chain which chain file shall be served; `chain` makes one\n");
  process.exitCode = 2;
} else {
  const chain = await ChainFileSource.open(values.chain);
  const node = await ChainNode.start(chain, Number(values.port));
  const { height } = await chain.tip();
  // Any user and password will do.
  const url = `http://127.0.0.1:${node.port}`;
  process.stdout.write(`${JSON.stringify({ bench: "serve", url, height })}\n`);
  const stop = () => void node.stop().then(() => chain.close());
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}
