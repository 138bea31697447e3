/** Makes a chain of realistic shape for the other benchmarks: `chain --out <file> [--txs 1500000] [--seed 1]`. */
import { writeChain } from "./chain/chain-file.ts";
import { madeChain } from "./chain/generator.ts";
import { readOptions, refuse } from "./command/options.ts";

const HELP = `Usage: npm run bench -- chain --out <file> [...]

  --out <file>           where the chain is written; the same arguments make the same bytes
  --txs 1500000          transactions
  --txs-per-block 2300
  --seed 1
`;

const values = readOptions(HELP, {
  out: { type: "string" },
  txs: { type: "string", default: "1500000" },
  seed: { type: "string", default: "1" },
  "txs-per-block": { type: "string", default: "2300" },
});
if (values.out === undefined) refuse("chain: say with --out where the file shall be written", HELP);
const startMs = performance.now();
const sums = await writeChain(
  values.out,
  madeChain({
    seed: Number(values.seed),
    transactions: Number(values.txs),
    transactionsPerBlock: Number(values["txs-per-block"]),
  }),
);
const seconds = (performance.now() - startMs) / 1_000;
process.stdout.write(`${JSON.stringify({ bench: "chain", ...sums, seconds })}\n`);
