/** Which program keeps the sandbox's chain: a chain stays with the one that began it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { regtest } from "../../bitcoin/network.ts";
import { TroupeError } from "../../runtime/errors.ts";

/** `setting` is the path of a bitcoind, or there is none to be had. Answers `none` for the chain inside the program. */
export function keeperOf(setting: string, dataDirectory: string): string {
  const wanted = setting === "auto" ? "none" : setting;
  const blocks = join(dataDirectory, regtest.name, "blocks");
  const isBitcoinds = existsSync(join(blocks, "index"));
  if (isBitcoinds && wanted === "none") {
    throw new TroupeError(
      { code: "SANDBOX_BITCOIND_MISSING", directory: dataDirectory },
      `The sandbox's chain in ${dataDirectory} was begun by a bitcoind, and there is none now. Name one with BITCOIND or [sandbox] bitcoind, or begin anew in another --data directory.`,
    );
  }
  return !isBitcoinds && existsSync(blocks) ? "none" : wanted;
}
