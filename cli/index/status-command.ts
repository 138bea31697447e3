/** `supervisor index status`: what the index is made of, and how far it is. */
import { indexerContract } from "../../bus/contracts/indexer.ts";
import { EXIT } from "../errors.ts";
import { operatorBus } from "../operator-access.ts";
import { type PlaceOptions, paintOf, requestOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { size } from "../view/terminal.ts";

const number = (value: number) => value.toLocaleString("en");

export async function indexStatus(
  options: PlaceOptions & { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const bus = await operatorBus(requestOf(options, terminal), "supervisor index status");
  try {
    const status = await bus.client(indexerContract).status({});
    if (options.json) {
      sayJson(terminal, status);
      return EXIT.ok;
    }
    const { tip, txCount, isSynced, sizeBytes, formatVersion, runs, isMerging, droppedRuns } = status;
    const blocks = tip === null ? 0 : tip.height + 1;
    const paint = paintOf(terminal);
    const line = (name: string, text: string) => say(terminal, `${paint("dim", name.padEnd(14))}${text}`);
    line("network", status.network);
    line(
      "height",
      tip === null ? "nothing is indexed yet" : `${number(tip.height)}  ${paint("dim", tip.hash)}`,
    );
    line("transactions", number(txCount));
    line("state", isSynced ? paint("good", "level with the node") : paint("warn", "behind the node"));
    line("node's files", `hold ${number(status.placedBlocks)} of ${number(blocks)} blocks`);
    line("on disk", `${size(sizeBytes)}, format ${formatVersion}`);
    line(
      "runs",
      `${number(runs.length)}${isMerging ? ", some are being merged" : ""}${waiting(droppedRuns)}`,
    );
    for (const { level, transactions, packedBlocks } of runs) {
      line("", `level ${level}: ${number(transactions)} tx in ${number(packedBlocks)} pages`);
    }
    line("rolled back", `${number(status.rollbacks)} times`);
    return EXIT.ok;
  } finally {
    await bus.close();
  }
}

function waiting(dropped: number): string {
  return dropped === 0 ? "" : `, ${number(dropped)} wait to be deleted`;
}
