/** The doctor's look at the node's block files: may the first sync read them, or will it have to ask the node for each block? */
import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";
import { blocksDirectoryOf, type NodeConfig } from "../../bitcoind/config.ts";
import { isLoopback } from "../../runtime/config/config-values.ts";
import { type Finding, ok, warn } from "./finding.ts";

const CHECK = "node block files";

/** Nothing where the node is on another machine, or where the files shall not be read. */
export function checkBlockFiles(config: NodeConfig, network: string): Finding[] {
  if (!config.block_files) return [];
  const isNamed = config.blocks_directory !== undefined;
  const isLocal = config.rpc.every((url) => isLoopback(new URL(url).hostname.replace(/^\[(.+)\]$/, "$1")));
  if (!isNamed && !isLocal) return [];
  return [judgeDirectory(blocksDirectoryOf(config, network))];
}

function judgeDirectory(directory: string): Finding {
  let files: string[];
  try {
    files = readdirSync(directory).filter((name) => /^(blk\d{5,}\.dat|xor\.dat)$/.test(name));
    for (const name of files) accessSync(join(directory, name), constants.R_OK);
  } catch (error) {
    return warn(
      CHECK,
      `${directory} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}), so the node is asked for each block of the first sync, and for each transaction that a wallet asks for`,
      "let this user read it (the node's group, or an ACL), or set [node] data_directory or blocks_directory to where the node keeps them; or block_files = false",
    );
  }
  const numbers = files.flatMap((name) => /^blk(\d+)\.dat$/.exec(name)?.[1] ?? []).map(Number);
  numbers.sort((a, b) => a - b);
  const missing = numbers.length === 0 ? 0 : numbers.findIndex((number, i) => number !== i);
  if (missing >= 0) {
    return warn(
      CHECK,
      `${directory} has no blk${String(missing).padStart(5, "0")}.dat, so the node is asked for each block of the first sync, and for the transactions that lay in what is missing`,
      "set [node] data_directory or blocks_directory to the node's complete files; or block_files = false",
    );
  }
  return ok(CHECK, `${numbers.length.toLocaleString("en")} in ${directory}`);
}
