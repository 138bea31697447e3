/** Serves a chain file (see `chain`) over RPC and REST as a node would, until it is interrupted: `serve --chain <file> [--port n]`. */
import { createInterface } from "node:readline";
import { ChainFileSource } from "./chain/chain-file.ts";
import { ChainNode } from "./chain/chain-node.ts";
import { readOptions, refuse } from "./command/options.ts";

const HELP = `Usage: npm run bench -- serve --chain <file> [--port 0] [--held 0]

  --chain <file>   a chain file (npm run bench -- chain)
  --port 0         of 127.0.0.1; 0 takes a free one. Any user and password will do
  --held 0         blocks at the end that have not come yet: the first one's transactions are the mempool, and a line
                   on the standard input lets it come
`;

const values = readOptions(HELP, {
  chain: { type: "string" },
  port: { type: "string", default: "0" },
  held: { type: "string", default: "0" },
});
if (values.chain === undefined) refuse("serve: say with --chain which chain file shall be served", HELP);
const chain = await ChainFileSource.open(values.chain);
const node = await ChainNode.start(chain, Number(values.port), Number(values.held));
const height = (await chain.tip()).height - Number(values.held);
const url = `http://127.0.0.1:${node.port}`;
process.stdout.write(`${JSON.stringify({ bench: "serve", url, height })}\n`);
const lines = createInterface(process.stdin).on("line", () => node.mine());
const stop = () => {
  lines.close();
  void node.stop().then(() => chain.close());
};
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
